using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>A client at the streams of a container: gets what comes while it is here, and types.</summary>
internal sealed class VmAttachment : IAttachment
{
    private readonly ClientOutput? _stdout;
    private readonly ClientOutput? _stderr;
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private VmAttachment(ClientOutput? stdout, ClientOutput? stderr) => (_stdout, _stderr) = (stdout, stderr);

    public Task End { get; private set; } = Task.CompletedTask;

    private IEnumerable<ClientOutput> Outputs => new[] { _stdout, _stderr }.OfType<ClientOutput>();

    /// <summary>Opens the client's descriptors.</summary>
    /// <param name="request">Which.</param>
    /// <param name="copyInputAsync">Copies the client's input to the container; null: the container takes none.</param>
    public static VmAttachment Open(AttachRequest request, Func<ClientInput, Task>? copyInputAsync)
    {
        ClientOutput? stdout = null, stderr = null;
        try
        {
            stdout = ClientOutput.Open(request.Stdout);
            stderr = ClientOutput.Open(request.Stderr);
            var stdin = copyInputAsync is null ? null : ClientInput.Open(request.Stdin);
            var attachment = new VmAttachment(stdout, stderr);
            attachment.End = attachment.RunAsync(stdin, copyInputAsync);
            return attachment;
        }
        catch (LinuxException e)
        {
            _ = stdout?.DisposeAsync().AsTask();
            _ = stderr?.DisposeAsync().AsTask();
            throw RuntimeException.Unavailable($"attach: {e.Message}", e);
        }
    }

    /// <summary>Output for the client; completes when it has taken it, or takes no more.</summary>
    public Task TakeAsync(bool isStderr, ReadOnlyMemory<byte> bytes) => (isStderr ? _stderr : _stdout)?.WriteAsync(bytes) ?? Task.CompletedTask;

    /// <summary>No more comes.</summary>
    public void Finish() => _ = FinishAsync();

    public Task DetachAsync(CancellationToken cancellationToken)
    {
        _over.TrySetResult();
        return End.WaitAsync(cancellationToken);
    }

    private async Task FinishAsync()
    {
        await Task.WhenAll(Outputs.Select(static o => o.FlushAsync())).ConfigureAwait(false);
        _over.TrySetResult();
    }

    private async Task RunAsync(ClientInput? stdin, Func<ClientInput, Task>? copyInputAsync)
    {
        var typing = stdin is null ? Task.CompletedTask : copyInputAsync!(stdin);
        await Task.WhenAny([_over.Task, .. Outputs.Select(static o => o.Gone)]).ConfigureAwait(false);
        stdin?.Stop();
        await typing.ConfigureAwait(false);
        foreach (var output in Outputs)
        {
            await output.DisposeAsync().ConfigureAwait(false);
        }
    }
}
