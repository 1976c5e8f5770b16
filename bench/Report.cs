using System.Globalization;

namespace Berth.Bench;

/// <summary>Medians side by side, with the ratio of each to the reference.</summary>
internal static class Report
{
    public static void Print(string title, IReadOnlyList<(string Name, Timings Timings)> columns, string? reference, params IEnumerable<string> steps)
    {
        Console.WriteLine();
        Console.WriteLine(title);
        var against = columns.FirstOrDefault(c => c.Name == reference).Timings;
        var header = new List<string> { "" };
        foreach (var column in columns)
        {
            header.Add(column.Name);
            if (against is not null && column.Timings != against)
            {
                header.Add("ratio");
            }
        }

        var rows = new List<List<string>> { header };
        foreach (var step in steps)
        {
            var row = new List<string> { step };
            foreach (var (_, timings) in columns)
            {
                row.Add(Number(timings.Median(step)));
                if (against is not null && timings != against)
                {
                    row.Add(Ratio(timings.Median(step), against.Median(step)));
                }
            }

            rows.Add(row);
        }

        PrintAligned(rows);
    }

    private static string Number(double? value) => value?.ToString(value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture) ?? "-";

    private static string Ratio(double? value, double? against) =>
        value is not null && against > 0 ? (value.Value / against.Value).ToString("0.00", CultureInfo.InvariantCulture) : "-";

    private static void PrintAligned(List<List<string>> rows)
    {
        var widths = Enumerable.Range(0, rows[0].Count).Select(i => rows.Max(r => r[i].Length)).ToList();
        foreach (var row in rows)
        {
            Console.WriteLine(string.Join("  ", row.Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))).TrimEnd());
        }
    }
}
