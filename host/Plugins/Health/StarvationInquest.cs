using System.Globalization;

namespace Berth.Plugins.Health;

/// <summary>
/// Whose fault it was that descriptors or threads ran out:
/// <list type="number">
/// <item>the plugin in whose calls alone most of the growth came, of what came while at most one had calls;</item>
/// <item>else whoever had calls during most of it is a suspect.</item>
/// </list>
/// </summary>
internal static class StarvationInquest
{
    // Less than a tenth of the growth is too little to go by.
    private const int Telling = 10;

    // A handler with less than a quarter of its plugin's share had calls by chance.
    private const int Part = 4;

    // A leak may take weeks.
    private static readonly TimeSpan Memory = TimeSpan.FromDays(30);

    public static IReadOnlyList<Verdict> Judge(Starvation starvation, IReadOnlyList<(MarkedCode Code, Growth Growth)> growth)
    {
        var leading = growth.GroupBy(static g => g.Code.Digest).OrderByDescending(Alone).FirstOrDefault();
        var most = leading is null ? 0 : Alone(leading);
        if (leading is not null && most * 2L > starvation.Grown - starvation.Unclear && most * (long)Telling >= starvation.Grown)
        {
            var reason = string.Create(CultureInfo.InvariantCulture, $"{starvation.Text}; {most} of the {starvation.Grown} that were more than pods need came in calls of this plugin alone");
            return [.. leading.Where(g => g.Growth.Alone * (long)Part >= most).Select(g => Of(g, isCertain: true, reason))];
        }

        return
        [
            .. growth.Where(g => (g.Growth.Alone + g.Growth.Shared) * 2L > starvation.Grown)
                .Select(g => Of(g, isCertain: false, $"{starvation.Text}, not for the first time, and it was at work while most of them came")),
        ];

        static int Alone(IEnumerable<(MarkedCode Code, Growth Growth)> plugin) => plugin.Sum(static g => g.Growth.Alone);
    }

    private static Verdict Of((MarkedCode Code, Growth Growth) mark, bool isCertain, string reason) =>
        new(mark.Code, isCertain, mark.Growth.AtStart * 2L > mark.Growth.Alone + mark.Growth.Shared, reason) { Memory = Memory };
}
