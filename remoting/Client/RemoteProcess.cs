using Berth.Abstractions;
using Berth.Remoting.Wire;

namespace Berth.Remoting.Client;

/// <summary>A container's process whose plugin is in another process.</summary>
internal sealed class RemoteProcess(RemoteSandbox sandbox, WireRequest named, int pid, Task<ProcessExit> exit, Action started) : IProcess
{
    private int _pid = pid;

    public int Pid
    {
        get => _pid;
        set => _pid = value;
    }

    public Task<ProcessExit> Exit => exit;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Pid = (await CallAsync(named with { Verb = Verb.StartProcess }, cancellationToken).ConfigureAwait(false)).Pid;
        started();
    }

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken) =>
        CallAsync(named with { Verb = Verb.Signal, Number = signal, Scope = scope }, cancellationToken);

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) =>
        CallAsync(named with { Verb = Verb.Resize, Number = columns, Second = rows }, cancellationToken);

    public Task CloseStdinAsync(CancellationToken cancellationToken) => CallAsync(named with { Verb = Verb.CloseStdin }, cancellationToken);

    private async Task<WireAnswer> CallAsync(WireRequest request, CancellationToken cancellationToken) =>
        await (await sandbox.ProcessAsync(cancellationToken).ConfigureAwait(false)).CallAsync(request, cancellationToken).ConfigureAwait(false);
}
