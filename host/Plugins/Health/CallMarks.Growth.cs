namespace Berth.Plugins.Health;

/// <summary>Beside the marks: how much of descriptors and threads came while whose calls ran.</summary>
internal sealed partial class CallMarks
{
    // After the verbs' counters: three numbers for each resource.
    private const int GrowthOffset = VerbCounters * sizeof(int), GrowthBytes = 3 * sizeof(int);

    // Who had the last call that began or ended.
    private volatile int _last;

    /// <summary>What a file says of the growth of a resource.</summary>
    public static IReadOnlyList<(MarkedCode Code, Growth Growth)> ReadGrowth(byte[] file, Resource of) =>
    [
        .. Enumerable.Range(1, Math.Max(0, (file.Length / SlotBytes) - 1))
            .Select(slot => (Code: MarkedCode.Read(TextOf(file, slot)), Growth: GrowthIn(file.AsSpan((slot * SlotBytes) + OffsetOf(of), GrowthBytes))))
            .Where(static m => m.Code is not null && m.Growth != default)
            .GroupBy(static m => m.Code!)
            .Select(static g => (g.Key, g.Select(static m => m.Growth).Aggregate(static (a, b) => a + b))),
    ];

    /// <summary>Tells a resource's growth to the code that has calls running now, or else had the last one.</summary>
    /// <returns>False if several plugins had.</returns>
    public bool Charge(Resource of, int amount)
    {
        lock (_gate)
        {
            var running = Enumerable.Range(1, Slots - 1).Where(s => _codes[s] is not null && CountersAt(s).ContainsAnyExcept((byte)0)).ToList();
            var isClear = running.DistinctBy(s => _codes[s]!.Digest).Count() <= 1;
            foreach (var slot in running)
            {
                var share = isClear ? (amount + running.Count - 1) / running.Count : amount;
                Add(slot, of, new(isClear ? share : 0, isClear ? 0 : share, IsOfAStart(slot) ? share : 0));
            }

            if (running.Count == 0 && _codes[_last] is not null)
            {
                Add(_last, of, new(0, amount, 0));
            }

            return isClear;
        }
    }

    private static int OffsetOf(Resource resource) => GrowthOffset + ((int)resource * GrowthBytes);

    private static Growth GrowthIn(ReadOnlySpan<byte> bytes) => new(NumberAt(bytes, 0), NumberAt(bytes, 1), NumberAt(bytes, 2));

    private void Add(int slot, Resource of, Growth growth)
    {
        var place = (slot * SlotBytes) + OffsetOf(of);
        _page.Add(place, growth.Alone);
        _page.Add(place + sizeof(int), growth.Shared);
        _page.Add(place + (2 * sizeof(int)), growth.AtStart);
    }

    // Whether only such calls run in it.
    private bool IsOfAStart(int slot)
    {
        var counters = CountersAt(slot).ToArray();
        return Enumerable.Range(0, VerbCounters).All(v => NumberAt(counters, v) == 0 || Inquest.IsOfAStart(NameOf(v)));
    }
}
