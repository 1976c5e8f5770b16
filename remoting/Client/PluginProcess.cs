using System.Globalization;
using System.Text;
using Berth.Linux;
using Berth.Remoting.Wire;

namespace Berth.Remoting.Client;

/// <summary>
/// One run of a plugin's process, from its start to its end: its cgroup with limits, its connection, what it said last. What it
/// leaves in its cgroup ends with it.
/// </summary>
internal sealed class PluginProcess : IAsyncDisposable
{
    private const int SigKill = 9, SocketNumber = 3, LastWords = 4096;

    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(1);

    private readonly PluginProcessOptions _options;
    private readonly HeldChild _child;
    private readonly PipeCapture _output;
    private readonly long _started;
    private volatile PluginLimits _limits;

    private PluginProcess(PluginProcessOptions options, HeldChild child, PipeCapture output, SafeFd socket, Func<Peer, Frame, CancellationToken, Task> serve)
    {
        (_options, _child, _output, _started, _limits) = (options, child, output, options.Time.GetTimestamp(), options.Limits);
        Peer = new(new FrameSocket(socket), serve);
        Ended = FollowAsync();
    }

    public Peer Peer { get; }

    public int Pid => _child.Pid;

    /// <summary>How long it has lived.</summary>
    public TimeSpan Age => _options.Time.GetElapsedTime(_started);

    /// <summary>Completes when it is gone, with everything that it left in its cgroup; the result says why.</summary>
    public Task<string> Ended { get; }

    /// <summary>Completes when it is not the one to ask any more, a moment after its connection has ended.</summary>
    public TaskCompletionSource Replaced { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Starts it; it has loaded nothing yet.</summary>
    /// <exception cref="IOException">The cgroup or the process cannot be made.</exception>
    public static async Task<PluginProcess> StartAsync(
        PluginProcessOptions options, Func<Peer, Frame, CancellationToken, Task> serve, CancellationToken cancellationToken)
    {
        // What a gateway left that was killed together with the host's memory of it.
        await options.Cgroups.KillAsync(options.Cgroup, cancellationToken).ConfigureAwait(false);
        options.Cgroups.Create(options.Cgroup);
        if (options.Limits.Apply(options.Cgroups, options.Cgroup) is { } unlimited)
        {
            options.Log.Write(Abstractions.PluginLogLevel.Warning, $"its process runs without a limit of processor time: {unlimited}");
        }

        var output = new PipeCapture(LastWords, keepTail: true);
        var (ours, theirs) = SafeFd.SocketPair();
        try
        {
            var child = await HeldChild.StartAsync(Command(options, theirs, output.WriteEnd)).ConfigureAwait(false);
            // Before it has loaded anything of the plugin's.
            options.Cgroups.Enter(options.Cgroup, child.Pid);
            return new(options, child, output, ours, serve);
        }
        catch
        {
            ours.Dispose();
            output.Dispose();
            throw;
        }
        finally
        {
            theirs.Dispose();
            output.WriteEnd.Dispose();
        }
    }

    /// <summary>Asks, for an answer without descriptors. Cancelled, it still waits until the plugin has ended the call.</summary>
    /// <exception cref="Abstractions.RuntimeException">The plugin refuses.</exception>
    /// <exception cref="PluginProcessException">It failed, or ended meanwhile.</exception>
    public async Task<WireAnswer> CallAsync(WireRequest request, CancellationToken cancellationToken) =>
        (await CallAsync(request, [], mayHaveDescriptor: false, cancellationToken).ConfigureAwait(false)).Message;

    /// <summary>Asks; the given descriptors stay the caller's, those of the answer become the caller's.</summary>
    /// <exception cref="Abstractions.RuntimeException">The plugin refuses.</exception>
    /// <exception cref="PluginProcessException">It failed, or ended meanwhile.</exception>
    public async Task<Answered> CallAsync(WireRequest request, IReadOnlyList<int> descriptors, bool mayHaveDescriptor, CancellationToken cancellationToken)
    {
        try
        {
            var answered = await Peer.CallAsync(request, descriptors, cancellationToken).ConfigureAwait(false);
            if (answered.Descriptors.Count > (mayHaveDescriptor ? 1 : 0))
            {
                answered.Descriptors.ToList().ForEach(static d => d.Dispose());
                throw Breach($"{answered.Descriptors.Count} descriptors came with the answer to {request.Verb}");
            }

            if (AnswerChecks.Find(answered.Message, _options.Time) is { } wrong)
            {
                throw Breach($"{request.Verb}: {wrong}");
            }

            if (answered.Message.Failure is { } failure)
            {
                cancellationToken.ThrowIfCancellationRequested();
                throw Translate(failure);
            }

            return answered;
        }
        catch (PeerGoneException e)
        {
            throw new PluginProcessException($"the plugin's process is gone: {e.Message}", e);
        }
    }

    /// <summary>What the answer must have.</summary>
    public T Require<T>(T? part, string name)
        where T : class => part ?? throw Breach($"an answer has no {name}");

    /// <summary>Ends it for a reason that is the plugin's fault, which is thrown.</summary>
    public PluginProcessException Breach(string what)
    {
        Peer.End($"it does not keep to the protocol: {what}");
        return new($"its answer is refused, and its process is killed: {what}");
    }

    /// <summary>Other limits, from now on.</summary>
    /// <exception cref="LinuxException">The kernel refuses them.</exception>
    public void Limit(PluginLimits limits)
    {
        limits.Apply(_options.Cgroups, _options.Cgroup);
        _limits = limits;
    }

    /// <summary>Ends it.</summary>
    public void Kill(string reason) => Peer.End(reason);

    public async ValueTask DisposeAsync()
    {
        Kill("the gateway has ended it");
        await Ended.ConfigureAwait(false);
    }

    private async Task<string> FollowAsync()
    {
        using var drain = new CancellationTokenSource();
        var reading = _output.ReadAsync(null, drain.Token);
        var exit = _child.WaitAsync();
        _ = Peer.RunAsync();
        await Task.WhenAny(Peer.Ended, exit).ConfigureAwait(false);
        var wasAlive = !exit.IsCompleted;
        if (wasAlive)
        {
            // Its end of the socket closes with it, a moment before the kernel tells of its end.
            await Task.WhenAny(exit, Task.Delay(DrainTime, _options.Time)).ConfigureAwait(false);
            wasAlive = !exit.IsCompleted;
            _child.Signal(SigKill);
        }

        var status = await exit.ConfigureAwait(false);
        var reason = wasAlive ? await Peer.Ended.ConfigureAwait(false) : Describe(status);
        Peer.End(reason);
        Peer.Dispose();
        await _options.Cgroups.KillAsync(_options.Cgroup, CancellationToken.None).ConfigureAwait(false);
        drain.CancelAfter(DrainTime);
        await reading.ConfigureAwait(false);
        var words = Encoding.UTF8.GetString(_output.ToArray()).Trim().ReplaceLineEndings(" ");
        _output.Dispose();
        _child.Dispose();
        return words.Length == 0 ? reason : $"{reason}; it said: {words[..Math.Min(words.Length, LastWords)]}";
    }

    private static Exception Translate(WireFailure failure)
    {
        var message = failure.Message[..Math.Min(failure.Message.Length, LastWords)];
        return failure.Code is { } code ? new Abstractions.RuntimeException(code, message) : new PluginProcessException(message);
    }

    private string Describe(int status) => status switch
    {
        128 + SigKill => string.Create(CultureInfo.InvariantCulture, $"it was killed (SIGKILL); if by the kernel, it had more than its {_limits.MemoryBytes} bytes of memory"),
        > 128 => string.Create(CultureInfo.InvariantCulture, $"it was ended by signal {status - 128}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"it ended with status {status}"),
    };

    private static Command Command(PluginProcessOptions options, SafeFd socket, SafeFd output) => new()
    {
        Path = options.Program,
        Arguments = [Environment.ProcessId.ToString(CultureInfo.InvariantCulture)],
        Environment = new Dictionary<string, string>
        {
            // Nothing of the gateway's own environment: it may hold secrets. The host program must find its runtime.
            ["DOTNET_ROOT"] = DotNetRoot(),
            ["DOTNET_EnableDiagnostics"] = "0",
            ["DOTNET_TieredPGO"] = "0",
            ["DOTNET_GCgen0size"] = "0x100000",
            ["HOME"] = "/root",
        },
        Descriptors = new Dictionary<int, SafeFd> { [1] = output, [2] = output, [SocketNumber] = socket },
        NewSession = true,
    };

    // The folder that holds shared/Microsoft.NETCore.App/<version> of the runtime that runs this.
    private static string DotNetRoot() => Path.GetFullPath("../../..", Path.GetDirectoryName(typeof(object).Assembly.Location)!);
}
