namespace Berth.Plugins;

/// <summary>Orders versions of a plugin as semver.org does: 1.2.10 is above 1.2.9, and 1.3.0-rc1 is below 1.3.0.</summary>
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
                _ => string.CompareOrdinal(left.Pre, right.Pre),
            };
    }

    // What follows a '+' names a build and has no order.
    private static (Version Core, string Pre) Split(string version)
    {
        var text = version.Split('+')[0];
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        return dash < 0 ? (Version.Parse(text), "") : (Version.Parse(text[..dash]), text[(dash + 1)..]);
    }
}
