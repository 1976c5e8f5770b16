using Berth.Abstractions;
using Berth.Linux;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using DeleteResponse = Berth.Plugins.ShimV2.Protocol.DeleteResponse;

namespace Berth.Plugins.ShimV2;

/// <summary>The shim's command line: <c>start</c> leaves a daemon behind and prints its address, <c>delete</c> cleans up after one that died.</summary>
internal sealed class ShimCommand(ShimOptions options, string eventsAddress, Any? runtimeOptions, Cgroups cgroups)
{
    private const int MaxOutputBytes = 64 * 1024;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan DeleteLimit = TimeSpan.FromSeconds(30);

    /// <summary>The shim's absolute path.</summary>
    /// <exception cref="RuntimeException">It is not there.</exception>
    public string Executable => Beside() ?? Berth.Linux.Executable.Find(options.Executable) ?? throw RuntimeException.Unavailable(
        $"shim '{options.Executable}' of runtime type {options.RuntimeType} is neither beside the plugin nor in {Berth.Linux.Executable.SearchPath}: {Remedy()}");

    /// <summary>Starts the shim of a pod, or finds the one that serves its group already.</summary>
    /// <param name="id">The container's id, which the bundle's folder is named by.</param>
    /// <param name="bundle">The bundle.</param>
    /// <param name="cgroup">The cgroup that it is to live in.</param>
    /// <param name="cancellationToken">Gives up, and kills it.</param>
    public async Task<Bootstrap> StartAsync(string id, string bundle, string cgroup, CancellationToken cancellationToken)
    {
        var result = await RunAsync(
            [.. Arguments(id), "-bundle", bundle, "start"], bundle, cgroup, runtimeOptions?.ToByteArray() ?? [], StartLimit, cancellationToken).ConfigureAwait(false);
        return result.ExitCode == 0
            ? Bootstrap.Parse(result.Output)
            : throw RuntimeException.Unavailable($"{options.Executable} start ended with status {result.ExitCode}: {result.Error}");
    }

    /// <summary>Has the shim's program remove what is left of a container whose shim is gone.</summary>
    public async Task<DeleteResponse> DeleteAsync(string id, string bundle, CancellationToken cancellationToken)
    {
        var result = await RunAsync([.. Arguments(id), "-bundle", bundle, "delete"], bundle, null, [], DeleteLimit, cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
        {
            throw RuntimeException.Unavailable($"{options.Executable} delete of {id} ended with status {result.ExitCode}: {result.Error}");
        }

        try
        {
            return DeleteResponse.Parser.ParseFrom(result.Output);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw RuntimeException.Unavailable($"{options.Executable} delete of {id}: the answer is not understood: {e.Message}", e);
        }
    }

    /// <summary>What <c>-v</c> says, in one line.</summary>
    public async Task<string> VersionAsync(CancellationToken cancellationToken)
    {
        var result = await RunAsync(["-v"], null, null, [], DeleteLimit, cancellationToken).ConfigureAwait(false);
        var lines = result.OutputText.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var version = lines.FirstOrDefault(static l => l.StartsWith("Version:", StringComparison.Ordinal))?["Version:".Length..].Trim();
        return result.ExitCode == 0 && lines.Length > 0
            ? version is null ? lines[0] : $"{Path.GetFileName(Executable)} {version}"
            : throw RuntimeException.Unavailable($"{options.Executable} -v ended with status {result.ExitCode}: {result.Error}; it may be no shim");
    }

    private List<string> Arguments(string id) =>
        ["-namespace", options.Namespace, "-address", eventsAddress, "-publish-binary", "/bin/true", "-id", id];

    private async Task<CommandResult> RunAsync(
        IReadOnlyList<string> arguments, string? bundle, string? cgroup, byte[] input, TimeSpan time, CancellationToken cancellationToken)
    {
        var command = new Command
        {
            Path = Executable,
            Arguments = arguments,
            WorkingDirectory = bundle,
            Environment = new Dictionary<string, string>(options.Environment)
            {
                ["TTRPC_ADDRESS"] = eventsAddress,
                ["GRPC_ADDRESS"] = eventsAddress,
                ["NAMESPACE"] = options.Namespace,
                // Newer shims would else expect another form of the input, and serve by grpc.
                ["MAX_SHIM_VERSION"] = "2",
                ["GOMAXPROCS"] = "2",
            },
        };
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(time);
        try
        {
            return await CommandRunner.RunAsync(cgroup is null ? command : InCgroup.Wrap(command, cgroups, cgroup), input, MaxOutputBytes, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RuntimeException(
                RuntimeErrorCode.DeadlineExceeded, $"{options.Executable} {arguments[^1]}: no answer within {time.TotalSeconds:0} s; it was killed");
        }
        catch (Exception e) when (e is LinuxException or InvalidDataException)
        {
            throw RuntimeException.Unavailable($"shim {command.Path}: {e.Message}", e);
        }
    }

    // A program that was put into the plugin's folder, as ./berth does with one that it has unpacked.
    private string? Beside() => options.Executable.Contains('/') ? null
        : Berth.Linux.Executable.Find(Path.Combine(Path.GetDirectoryName(typeof(ShimCommand).Assembly.Location)!, options.Executable));

    private string Remedy() => RuntimeOptions.IsRunc(options)
        ? "Debian has it in the package containerd, which also brings a service (apt-get download containerd and dpkg-deb -x take the program alone); or set the option 'path'"
        : "install the package that has it, or set the option 'path'";
}
