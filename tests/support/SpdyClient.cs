using Berth.Linux;

namespace Berth.Tests.Support;

/// <summary>
/// The SPDY client in tests/clients/spdy, in Go on the library that kubelets use: an implementation that shares nothing with the
/// server's. Built once, from what the distribution packages; nothing is downloaded.
/// </summary>
public static class SpdyClient
{
    private const string GoPath = "/usr/share/gocode";
    private const int MaxOutputBytes = 64 * 1024 * 1024;
    private static readonly Lazy<Task<string>> Program = new(BuildAsync);

    /// <summary>What is missing for it; null if nothing is.</summary>
    public static string? Missing { get; } =
        Executable.Find("go") is null ? "no go (Debian: golang-go)"
        : Directory.Exists(Path.Combine(GoPath, "src/github.com/docker/spdystream")) ? null
        : "no spdystream (Debian: golang-github-docker-spdystream-dev)";

    /// <summary>Runs it to its end.</summary>
    public static async Task<CommandResult> RunAsync(IReadOnlyList<string> arguments, byte[]? input = null, TimeSpan? limit = null)
    {
        using var deadline = new CancellationTokenSource(limit ?? TimeSpan.FromSeconds(60));
        return await CommandRunner.RunAsync(new() { Path = await Program.Value, Arguments = arguments }, input, MaxOutputBytes, deadline.Token);
    }

    /// <summary>Starts it; its streams are the caller's.</summary>
    public static async Task<ChildProcess> StartAsync(IReadOnlyList<string> arguments, IReadOnlyDictionary<int, SafeFd> descriptors) =>
        ChildProcess.Start(new() { Path = await Program.Value, Arguments = arguments, Descriptors = descriptors });

    private static async Task<string> BuildAsync()
    {
        var output = Path.Combine(Repository.Root, "artifacts", "clients");
        Directory.CreateDirectory(output);
        var program = Path.Combine(output, "spdy");
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        var result = await CommandRunner.RunAsync(
            new()
            {
                Path = "go",
                Arguments = ["build", "-o", program, "main.go"],
                WorkingDirectory = Path.Combine(Repository.Root, "tests", "clients", "spdy"),
                Environment = new Dictionary<string, string>
                {
                    ["GO111MODULE"] = "off",
                    ["GOPATH"] = GoPath,
                    ["GOFLAGS"] = "",
                    ["GOCACHE"] = Path.Combine(output, "cache"),
                    ["CGO_ENABLED"] = "0",
                },
            },
            null,
            1024 * 1024,
            deadline.Token);
        return result.ExitCode == 0 ? program : throw new InvalidOperationException($"go build: {result.Error}");
    }
}
