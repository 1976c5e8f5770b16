using System.Buffers.Binary;

namespace Berth.Plugins.Health;

/// <summary>Beside the marks: how much of descriptors and threads came while whose calls ran. It is kept here, and written down at the end alone.</summary>
internal sealed partial class CallMarks
{
    // After the verbs' counters: Growth's five numbers.
    private const int GrowthOffset = VerbCounters * sizeof(int), GrowthNumbers = 5;

    private readonly Growth[,] _growth = new Growth[Enum.GetValues<Resource>().Length, Slots];
    private volatile int _last;

    /// <summary>What a file says of the growth of the resource that ran out.</summary>
    public static IReadOnlyList<(MarkedCode Code, Growth Growth)> ReadGrowth(byte[] file) =>
    [
        .. Enumerable.Range(1, Math.Max(0, (file.Length / SlotBytes) - 1))
            .Select(slot => (Code: MarkedCode.Read(TextOf(file, slot)), Growth: GrowthIn(file.AsSpan((slot * SlotBytes) + GrowthOffset))))
            .Where(static m => m.Code is not null && m.Growth != default)
            .GroupBy(static m => m.Code!)
            .Select(static g => (g.Key, g.Select(static m => m.Growth).Aggregate(static (a, b) => a + b))),
    ];

    /// <summary>Tells a resource's growth within a time to the code that has calls running now, or else had the last one.</summary>
    /// <returns>How many plugins have.</returns>
    public int Charge(Resource of, int amount, TimeSpan time)
    {
        lock (_gate)
        {
            var running = Enumerable.Range(1, Slots - 1).Where(s => _codes[s] is not null && CountersAt(s).ContainsAnyExcept((byte)0)).ToList();
            var plugins = running.DistinctBy(s => _codes[s]!.Digest).Count();
            foreach (var slot in running)
            {
                var share = plugins == 1 ? (double)amount / running.Count : amount;
                Add(of, slot, new()
                {
                    Alone = plugins == 1 ? share : 0,
                    Shared = plugins == 1 ? 0 : share,
                    AtStart = IsOfAStart(slot) ? share : 0,
                    TimeAlone = plugins == 1 ? time / running.Count : default,
                });
            }

            if (plugins == 0 && _codes[_last] is not null)
            {
                Add(of, _last, new() { After = amount });
            }

            return plugins;
        }
    }

    /// <summary>Writes down that the process ends for want of something, and in whose calls that went.</summary>
    public void WriteEnd(Starvation starvation)
    {
        for (var slot = 1; slot < Slots; slot++)
        {
            var growth = _growth[(int)starvation.Of, slot];
            double[] numbers = [growth.Alone, growth.Shared, growth.After, growth.AtStart, growth.TimeAlone.TotalMilliseconds];
            for (var i = 0; i < numbers.Length; i++)
            {
                BinaryPrimitives.WriteInt32LittleEndian(_page.Bytes((slot * SlotBytes) + GrowthOffset + (i * sizeof(int)), sizeof(int)), (int)Math.Min(numbers[i], int.MaxValue));
            }
        }

        WriteEnd(starvation.Write());
    }

    private static Growth GrowthIn(ReadOnlySpan<byte> bytes) => new()
    {
        Alone = NumberAt(bytes, 0),
        Shared = NumberAt(bytes, 1),
        After = NumberAt(bytes, 2),
        AtStart = NumberAt(bytes, 3),
        TimeAlone = TimeSpan.FromMilliseconds(NumberAt(bytes, GrowthNumbers - 1)),
    };

    private void Add(Resource of, int slot, Growth growth) => _growth[(int)of, slot] += growth;

    private void ForgetGrowth(int slot)
    {
        foreach (var resource in Enum.GetValues<Resource>())
        {
            _growth[(int)resource, slot] = default;
        }
    }

    // Whether only such calls run in it.
    private bool IsOfAStart(int slot)
    {
        var counters = CountersAt(slot).ToArray();
        return Enumerable.Range(0, VerbCounters).All(v => NumberAt(counters, v) == 0 || Inquest.IsOfAStart(NameOf(v)));
    }
}
