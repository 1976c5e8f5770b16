using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Streaming.Sessions;

/// <summary>
/// Pipes between a session and a process. Pipes hold 64 KiB, so the process waits while the client does not read, and
/// the client while the process does not.
/// </summary>
internal sealed class ConsolePipes : IDisposable
{
    private readonly List<SafeFd> _theirs = [];

    public ConsolePipes(ConsoleIo io)
    {
        (Stdin, TheirStdin) = io.Stdin ? Inbound() : default;
        (Stdout, TheirStdout) = io.Stdout ? Outbound() : default;
        (Stderr, TheirStderr) = io.Stderr && !io.Terminal ? Outbound() : default;
    }

    public SafeFd? Stdin { get; }

    public SafeFd? Stdout { get; }

    public SafeFd? Stderr { get; }

    public StdioEndpoint TheirStdin { get; }

    public StdioEndpoint TheirStdout { get; }

    public StdioEndpoint TheirStderr { get; }

    /// <summary>To be called once the handler has its own copies: only then do reads see an end.</summary>
    public void ReleaseTheirs() => _theirs.ForEach(static fd => fd.Dispose());

    public void Dispose()
    {
        ReleaseTheirs();
        Stdin?.Dispose();
        Stdout?.Dispose();
        Stderr?.Dispose();
    }

    private (SafeFd? Ours, StdioEndpoint Theirs) Inbound()
    {
        var (read, write) = SafeFd.Pipe();
        return Keep(ours: write, theirs: read);
    }

    private (SafeFd? Ours, StdioEndpoint Theirs) Outbound()
    {
        var (read, write) = SafeFd.Pipe();
        return Keep(ours: read, theirs: write);
    }

    private (SafeFd? Ours, StdioEndpoint Theirs) Keep(SafeFd ours, SafeFd theirs)
    {
        ours.SetNonBlocking();
        _theirs.Add(theirs);
        return (ours, new(theirs.Number, null));
    }
}
