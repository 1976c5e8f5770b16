namespace Berth.Plugins.Health;

/// <param name="Code">Whose fault it was, or may have been.</param>
/// <param name="IsCertain">It was.</param>
/// <param name="IsHeld">It happened in what a start does too: the next one must not run it.</param>
/// <param name="Reason">For people.</param>
internal sealed record Verdict(MarkedCode Code, bool IsCertain, bool IsHeld, string Reason)
{
    /// <summary>For how long a suspicion is remembered; null: as long as faults are.</summary>
    public TimeSpan? Memory { get; init; }
}

/// <summary>
/// Whose fault the gateway's death was:
/// <list type="number">
/// <item>if it ended itself because descriptors or threads ran out, see <see cref="StarvationInquest"/>;</item>
/// <item>who threw what nobody caught was written down while that happened;</item>
/// <item>else the one whose types the runtime named last;</item>
/// <item>else, if the process ended by itself, the only one with a call running; of several each is a suspect;</item>
/// <item>a kill from outside is nobody's fault, but where memory ran out whoever had a call running is a suspect.</item>
/// </list>
/// </summary>
internal static class Inquest
{
    // What a start calls before anybody asks for anything.
    private static readonly string[] AtStart =
    [
        "Load", "CreateHandler", "Check", "RestoreSandbox", "ListOwned", "DestroySandbox", "DestroyContainer", "SandboxId", "SandboxExit", "SandboxInfo",
        "FindContainer", "ContainerId", "ContainerInit", "Exit", "Pid",
    ];

    public static bool IsOfAStart(string verb) => AtStart.Contains(verb);

    /// <param name="death">What is known.</param>
    /// <param name="typesOf">The full names of the types in a plugin's assembly.</param>
    public static IReadOnlyList<Verdict> Judge(Death death, Func<MarkedCode, IReadOnlySet<string>> typesOf)
    {
        if (death.Starvation is { } starvation)
        {
            return StarvationInquest.Judge(starvation, death.Growth);
        }

        var calls = death.Marks.Where(static m => m.Verbs.Count > 0).ToList();
        var mentioned = calls.Select(c => (c.Code, Verbs: (IReadOnlyList<string>)[.. c.Verbs.Where(death.Mentions)])).Where(static c => c.Verbs.Count > 0).ToList();
        calls = mentioned.Count > 0 ? mentioned : calls;

        var named = death.Thrower.Length > 0 ? [death.Thrower] : death.IsOwnDoing ? Named(death, typesOf) : [];
        if (named.Count > 0)
        {
            // It may have been a thread of its own, outside of any call.
            var running = calls.Where(c => named.Contains(c.Code.Digest)).ToList();
            var blamed = running.Count > 0 ? running : [.. death.Marks.Where(m => named.Contains(m.Code.Digest) && m.Code.Handler.Length > 0)];
            var isCertain = blamed.DistinctBy(static b => b.Code.Digest).Count() == 1;
            return [.. blamed.Select(c => Of(c, isCertain, death))];
        }

        return death.IsOwnDoing || death.IsOutOfMemory
            ? [.. calls.Select(c => Of(c, isCertain: calls.Count == 1 && !death.IsOutOfMemory, death))]
            : [];
    }

    // The plugins that have the innermost of the types that any has: more than one if they are copies of each other.
    private static List<string> Named(Death death, Func<MarkedCode, IReadOnlySet<string>> typesOf)
    {
        var known = death.Marks.DistinctBy(static m => m.Code.Digest).Select(m => (m.Code.Digest, Types: typesOf(m.Code))).ToList();
        return death.Types.Select(type => known.Where(k => k.Types.Contains(type)).Select(static k => k.Digest).ToList()).FirstOrDefault(static d => d.Count > 0) ?? [];
    }

    private static Verdict Of((MarkedCode Code, IReadOnlyList<string> Verbs) mark, bool isCertain, Death death)
    {
        var where = mark.Verbs.Count == 0 ? "outside of any call" : $"in {string.Join(", ", mark.Verbs)}";
        return new(
            mark.Code,
            isCertain,
            mark.Verbs.Any(IsOfAStart),
            isCertain ? $"the gateway died of it, {where}: {death.Cause}" : $"the gateway died again while it was {where}: {death.Cause}");
    }
}
