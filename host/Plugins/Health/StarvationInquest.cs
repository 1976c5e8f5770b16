using System.Globalization;

namespace Berth.Plugins.Health;

/// <summary>
/// Whose fault it was that descriptors or threads ran out:
/// <list type="number">
/// <item>the plugin in whose calls alone most of the growth came, of what came while at most one had calls, and faster than while none had;</item>
/// <item>else whoever had calls during most of it is a suspect, or had the last one before, if it all came at once.</item>
/// </list>
/// </summary>
internal static class StarvationInquest
{
    // Less than a tenth of the growth is too little to go by.
    private const int Telling = 10;

    // A handler with less than a quarter of its plugin's share had calls by chance.
    private const int Part = 4;

    // Of what comes later by itself nobody knows what it was that began it.
    private static readonly TimeSpan AtOnce = TimeSpan.FromMinutes(1);

    // A leak may take weeks.
    private static readonly TimeSpan Memory = TimeSpan.FromDays(30);

    public static IReadOnlyList<Verdict> Judge(Starvation starvation, IReadOnlyList<(MarkedCode Code, Growth Growth)> growth)
    {
        var shares = growth.Select(g => (g.Code, g.Growth, Own: OwnOf(g.Growth, starvation))).ToList();
        var leading = shares.GroupBy(static s => s.Code.Digest).Select(static p => (Handlers: p.ToList(), Own: p.Sum(static s => s.Own))).OrderByDescending(static p => p.Own).FirstOrDefault();
        if (leading.Own > 0 && leading.Own * 2 > starvation.Grown - starvation.Unclear && leading.Own * Telling >= starvation.Grown)
        {
            var reason = string.Create(CultureInfo.InvariantCulture, $"{starvation.Text}; {leading.Own:0} of the {starvation.Grown} that were more than pods need came in calls of this plugin alone");
            return [.. leading.Handlers.Where(s => s.Own * Part >= leading.Own).Select(s => Of(s.Code, s.Growth, isCertain: true, reason))];
        }

        var cameAtOnce = starvation.IdleTime <= AtOnce;
        return
        [
            .. shares.Where(s => (s.Own + s.Growth.Shared + (cameAtOnce ? s.Growth.After : 0)) * 2 > starvation.Grown)
                .Select(s => Of(s.Code, s.Growth, isCertain: false, $"{starvation.Text}, not for the first time, and it was at work while or before most of them came")),
        ];
    }

    // What came at the same pace while nobody had calls is not its own.
    private static double OwnOf(Growth growth, Starvation starvation) =>
        Math.Max(0, growth.Alone - (starvation.IdleTime > TimeSpan.Zero ? starvation.Idle * (growth.TimeAlone / starvation.IdleTime) : 0));

    private static Verdict Of(MarkedCode code, Growth growth, bool isCertain, string reason) =>
        new(code, isCertain, growth.AtStart * 2 > growth.Alone + growth.Shared, reason) { Memory = Memory };
}
