namespace Berth.Plugins.Health;

/// <summary>What an earlier process left that ended without a word to its folders.</summary>
internal sealed record Death
{
    // What the runtime writes before it gives up, on standard error.
    private static readonly string[] Markers = ["Stack overflow", "Process terminated", "Unhandled exception", "Fatal error", "Out of memory"];

    // Signals that a process gives itself; SIGKILL, SIGTERM and the like come from others.
    private static readonly string[] OwnSignals = ["ABRT", "SEGV", "BUS", "ILL", "FPE", "TRAP", "SYS"];

    /// <summary>Somebody called for the process's end, and was not the gateway; which thread that was is not told.</summary>
    public bool WasExit { get; init; }

    /// <summary>The digest of the plugin that threw what nobody caught; empty if none did.</summary>
    public string Thrower { get; init; } = "";

    /// <summary>The code that was there, each with the verbs of the calls that ran in it.</summary>
    public IReadOnlyList<(MarkedCode Code, IReadOnlyList<string> Verbs)> Marks { get; init; } = [];

    /// <summary>The gateway ended itself, as it ran out of something; null if not.</summary>
    public Starvation? Starvation { get; init; }

    /// <summary>Of that: in whose calls it became more.</summary>
    public IReadOnlyList<(MarkedCode Code, Growth Growth)> Growth { get; init; } = [];

    /// <summary>What the runtime said at the end.</summary>
    public string Words { get; init; } = "";

    /// <summary>What the service manager says of the end: SERVICE_RESULT, EXIT_CODE and EXIT_STATUS of systemd.exec(5); empty without one.</summary>
    public string Note { get; init; } = "";

    /// <summary>It was nobody's kill from outside.</summary>
    public bool IsOwnDoing => WasExit || Thrower.Length > 0 || Array.Exists(Markers, m => Words.Contains(m, StringComparison.Ordinal)) || (Note.Split(' ') is [_, _, var status] && OwnSignals.Contains(status));

    public bool IsOutOfMemory => Note.StartsWith("oom-kill ", StringComparison.Ordinal);

    /// <summary>Whether the runtime named the verb's method.</summary>
    public bool Mentions(string verb) => IsOwnDoing && Words.Contains($"{verb}Async", StringComparison.Ordinal);

    /// <summary>In a few words.</summary>
    public string Cause => Words.Split('\n').Select(static l => l.Trim()).FirstOrDefault(static l => Array.Exists(Markers, m => l.Contains(m, StringComparison.Ordinal)))
        ?? (WasExit ? "the process was made to exit" : IsOutOfMemory ? "the kernel was out of memory" : Note);

    /// <summary>The types of the methods that were running, the innermost first, as far as the runtime named them.</summary>
    public IEnumerable<string> Types => Words.Split('\n')
        .Select(static l => l.Trim())
        .Where(static l => l.StartsWith("at ", StringComparison.Ordinal))
        .Select(static l => l[3..].Split('(', '[')[0])
        .Select(static method => method.LastIndexOf('.') is > 0 and var dot ? method[..dot].TrimEnd('.') : "");
}
