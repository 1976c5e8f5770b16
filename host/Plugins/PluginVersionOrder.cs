namespace Berth.Plugins;

/// <summary>Orders versions of a plugin as semver.org does: 1.2.10 is above 1.2.9, 1.3.0-rc.1 is below 1.3.0, and rc.10 above rc.9.</summary>
internal sealed class PluginVersionOrder : IComparer<string>
{
    public static PluginVersionOrder Instance { get; } = new();

    /// <summary>Manifests are checked for the form before.</summary>
    public int Compare(string? x, string? y)
    {
        var (left, right) = (Split(x!), Split(y!));
        var core = left.Core.CompareTo(right.Core);
        return core != 0 ? core
            : (left.Pre.Length == 0, right.Pre.Length == 0) switch
            {
                (true, false) => 1,
                (false, true) => -1,
                _ => ComparePre(left.Pre.Split('.'), right.Pre.Split('.')),
            };
    }

    // What follows a '+' names a build and has no order.
    private static (Version Core, string Pre) Split(string version)
    {
        var text = version.Split('+')[0];
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        return dash < 0 ? (Version.Parse(text), "") : (Version.Parse(text[..dash]), text[(dash + 1)..]);
    }

    // Where all that both have is equal, more of them is above less.
    private static int ComparePre(string[] left, string[] right) =>
        left.Zip(right, CompareOne).FirstOrDefault(static o => o != 0, left.Length.CompareTo(right.Length));

    private static int CompareOne(string left, string right) => (IsNumber(left), IsNumber(right)) switch
    {
        (true, true) => CompareNumbers(left.TrimStart('0'), right.TrimStart('0')),
        (true, false) => -1,
        (false, true) => 1,
        _ => string.CompareOrdinal(left, right),
    };

    // They may be longer than any number of the machine's.
    private static int CompareNumbers(string left, string right) =>
        left.Length != right.Length ? left.Length.CompareTo(right.Length) : string.CompareOrdinal(left, right);

    private static bool IsNumber(string text) => text.Length > 0 && text.All(char.IsAsciiDigit);
}
