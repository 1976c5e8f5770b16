using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.ShimV2;

/// <summary>A client at a container's streams: the logger sends it the output, and what it types goes into the container's FIFO.</summary>
internal sealed class ShimAttachment : IAttachedClient
{
    private const int InputBytes = 4096;

    private readonly MonitorAttachment _output;
    private readonly CancellationTokenSource _ended;

    private ShimAttachment(MonitorAttachment output, Task typing, CancellationTokenSource ended)
    {
        (_output, _ended) = (output, ended);
        End = RunAsync(typing);
    }

    public Task End { get; }

    /// <summary>Attaches.</summary>
    /// <exception cref="RuntimeException">A descriptor cannot be used, or the logger does not have the container.</exception>
    public static async Task<ShimAttachment> BeginAsync(ContainerFacts facts, AttachRequest request, PodLog log, Func<Task> closeStdin, TimeProvider clock, CancellationToken cancellationToken)
    {
        var input = OpenInput(facts, request);
        try
        {
            var socket = await log.AttachAsync(facts.Id, cancellationToken).ConfigureAwait(false);
            var output = MonitorAttachment.Begin(request with { Stdin = default }, socket, clock);
            var ended = new CancellationTokenSource();
            var typing = input is { } ends ? TypeAsync(ends.Source, ends.Fifo, facts is { StdinOnce: true, Terminal: false } ? closeStdin : null, ended.Token) : Task.CompletedTask;
            return new(output, typing, ended);
        }
        catch
        {
            input?.Source.Dispose();
            input?.Fifo.Dispose();
            throw;
        }
    }

    public bool WaitsSince(TimeSpan time) => _output.WaitsSince(time);

    public async Task DetachAsync(CancellationToken cancellationToken)
    {
        await _output.DetachAsync(cancellationToken).ConfigureAwait(false);
        await End.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task RunAsync(Task typing)
    {
        await _output.End.ConfigureAwait(false);
        await _ended.CancelAsync().ConfigureAwait(false);
        await typing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static (SafeFd Source, SafeFd Fifo)? OpenInput(ContainerFacts facts, AttachRequest request)
    {
        SafeFd? source = null;
        try
        {
            source = Endpoints.Open(request.Stdin, forWriting: false);
            if (source is null)
            {
                return null;
            }

            var fifo = SafeFd.OpenFifo(facts.Files.Stdin, forWriting: true);
            // Several clients may type: what one finds writable another may fill.
            source.SetNonBlocking();
            fifo.SetNonBlocking();
            return (source, fifo);
        }
        catch (LinuxException e) when (e.HasNoReader)
        {
            // The input has been closed (StdinOnce): nothing that is typed reaches the container.
            source?.Dispose();
            return null;
        }
        catch (LinuxException e)
        {
            source?.Dispose();
            throw RuntimeException.Unavailable($"attach to container {facts.Id}: its input cannot be opened: {e.Message}", e);
        }
    }

    private static async Task TypeAsync(SafeFd source, SafeFd fifo, Func<Task>? close, CancellationToken cancellationToken)
    {
        var buffer = new byte[InputBytes];
        try
        {
            while (await source.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is var count and > 0)
            {
                await fifo.WriteAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException || e is LinuxException { IsBrokenPipe: true })
        {
            return; // the client has left, or the container has ended
        }
        finally
        {
            fifo.Dispose();
            source.Dispose();
        }

        if (close is not null)
        {
            await close().ConfigureAwait(false);
        }
    }
}
