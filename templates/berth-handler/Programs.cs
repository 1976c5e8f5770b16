using System.Diagnostics;

namespace Example;

/// <summary>Starts programs.</summary>
internal static class Programs
{
    private static readonly string[] Folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

    public static string? Find(string program) =>
        program.Contains('/') ? (File.Exists(program) ? program : null) : Folders.Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);

    /// <summary>Runs it to its end.</summary>
    public static async Task<(int Code, string Output, string Error)> RunAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        using var process = Start(program, arguments, readOutput: true, readError: true);
        // Once they were asked for they are the caller's: the process does not dispose of them, and they stay open until the collector comes.
        using var standardOutput = process.StandardOutput;
        using var standardError = process.StandardError;
        var output = standardOutput.ReadToEndAsync(cancellationToken);
        var error = standardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return (process.ExitCode, await output, (await error).Trim());
    }

    /// <summary>Starts it in a session of its own, so that no signal to the gateway's terminal reaches it.</summary>
    public static Process Start(string program, string[] arguments, bool readOutput = false, bool readError = false) =>
        Process.Start(new ProcessStartInfo("setsid", [program, .. arguments]) { RedirectStandardOutput = readOutput, RedirectStandardError = readError })!;
}
