using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>
/// Whether containers can be checkpointed here. It takes a runtime that was built for it, CRIU, and a kernel that this CRIU
/// understands, which CRIU itself finds out.
/// </summary>
internal static class CriuCheck
{
    public const string Program = "criu";

    // It looks at some dozens of the kernel's abilities; where it hangs it is of no use.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);
    private const int MaxOutputBytes = 64 * 1024;

    /// <summary>What the runtime itself lacks; null if nothing.</summary>
    public static string? Missing(RuntimeFacts facts, OciOptions options) => IsBuiltIn(facts)
        ? null
        : $"{options.Path} ({facts.Version}) was built without CRIU: use a build of it that has it, or another runtime";

    /// <summary>Why CRIU cannot do it here; null if it can.</summary>
    public static async Task<string?> LookAsync(CancellationToken cancellationToken)
    {
        if (Executable.Find(Program) is not { } criu)
        {
            return $"{Program} is not in {Executable.SearchPath}: install it (Debian: apt-get install {Program})";
        }

        var (works, words) = await RunAsync(criu, cancellationToken).ConfigureAwait(false);
        return works ? null
            : $"{criu} ({await VersionAsync(criu, cancellationToken).ConfigureAwait(false)}) does not work with this kernel ({Kernel.Release}): {words}. Install a CRIU as new as the kernel, or boot a kernel as old as CRIU";
    }

    /// <summary>The last errors of a log of CRIU's; empty if there is none.</summary>
    public static string Errors(string log)
    {
        const int MostLines = 3;
        try
        {
            var errors = File.ReadLines(log).Where(static l => l.Contains("Error (", StringComparison.Ordinal)).TakeLast(MostLines);
            return Clean(string.Join("; ", errors));
        }
        catch (IOException)
        {
            return "";
        }
    }

    // runc says it of itself in the answer to "features", crun in its list of what it was built with.
    private static bool IsBuiltIn(RuntimeFacts facts) =>
        facts.Annotation("org.opencontainers.runc.checkpoint.enabled") == "true"
        || facts.Annotation("run.oci.crun.checkpoint.enabled") == "true"
        || facts.Details.Contains("+CRIU", StringComparison.Ordinal);

    private static async Task<(bool Works, string Words)> RunAsync(string criu, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            var result = await CommandRunner.RunAsync(new() { Path = criu, Arguments = ["check"] }, null, MaxOutputBytes, limit.Token).ConfigureAwait(false);
            return (result.ExitCode == 0, Clean(Said(result)));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (false, $"criu check gave no answer within {Limit.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is LinuxException or InvalidDataException)
        {
            return (false, e.Message);
        }
    }

    private static string Said(CommandResult result) =>
        $"{result.Error}\n{result.OutputText}".Split('\n').FirstOrDefault(static l => l.Contains("Error", StringComparison.Ordinal)) ?? $"criu check ended with status {result.ExitCode}";

    private static async Task<string> VersionAsync(string criu, CancellationToken cancellationToken)
    {
        try
        {
            var result = await CommandRunner.RunAsync(new() { Path = criu, Arguments = ["--version"] }, null, MaxOutputBytes, cancellationToken).ConfigureAwait(false);
            return Clean(result.OutputText.Split('\n')[0].Replace("Version:", "version", StringComparison.Ordinal));
        }
        catch (Exception e) when (e is LinuxException or InvalidDataException)
        {
            return "version unknown";
        }
    }

    // The parasite in a container's process writes to the log too.
    private static string Clean(string text)
    {
        const int Longest = 600;
        var line = new string([.. text.Trim().Select(static c => char.IsControl(c) ? ' ' : c)]);
        return line.Length > Longest ? line[..Longest] : line;
    }
}
