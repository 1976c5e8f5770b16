using System.Buffers.Text;

namespace Berth.Images.Layers;

/// <summary>Where the stored bytes of a sparse file go, in GNU tar's forms ("Storing Sparse Files" in its manual).</summary>
internal static class SparseMap
{
    /// <summary>An entry takes at least four bytes in every form, and a map may take no more than this.</summary>
    public const int LargestMapBytes = 1024 * 1024;

    /// <summary>From pairs of offset and length; they must rise, lie within the file and add up to what is stored.</summary>
    public static IReadOnlyList<TarDataRun> Create(IReadOnlyList<long> numbers, long fileLength, long storedLength)
    {
        if (numbers.Count % 2 != 0)
        {
            throw new InvalidDataException("a sparse map has an offset without a length");
        }

        var runs = new List<TarDataRun>(numbers.Count / 2);
        long end = 0, stored = 0;
        for (var i = 0; i < numbers.Count; i += 2)
        {
            var run = new TarDataRun(numbers[i], numbers[i + 1]);
            if (run.Offset < end || run.Length < 0 || run.Length > fileLength - run.Offset)
            {
                throw new InvalidDataException("a sparse map is out of order or beyond the end of its file");
            }

            end = run.Offset + run.Length;
            stored += run.Length;
            runs.Add(run);
        }

        return stored == storedLength ? runs : throw new InvalidDataException("a sparse map does not add up to what is stored");
    }

    /// <summary>Form 0.1: all numbers in one PAX record, with commas.</summary>
    public static IReadOnlyList<long> ParseList(ReadOnlySpan<byte> text)
    {
        var numbers = new List<long>();
        while (!text.IsEmpty)
        {
            if (!Utf8Parser.TryParse(text, out long number, out var used) || (used < text.Length && text[used] != ','))
            {
                throw new InvalidDataException("a sparse map is not a list of numbers");
            }

            numbers.Add(number);
            text = text[Math.Min(used + 1, text.Length)..];
        }

        return numbers;
    }

    /// <summary>The old form: 24 bytes an entry, in the header and in blocks after it; an empty entry ends it.</summary>
    public static void AddGnuEntries(ReadOnlySpan<byte> table, List<long> numbers)
    {
        for (; table.Length >= 24 && table[0] != 0; table = table[24..])
        {
            numbers.Add(TarHeader.Number(table[..12]));
            numbers.Add(TarHeader.Number(table.Slice(12, 12)));
        }
    }
}
