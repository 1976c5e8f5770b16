using Berth.Abstractions;
using Berth.Containers;
using Berth.Sandboxes;

namespace Berth.Streaming.Sessions;

/// <summary>A client at the streams of a container's first process. When the client goes, the container stays.</summary>
internal sealed class AttachSession(ContainerRegistry containers, SandboxObjects objects)
{
    /// <summary>Runs it until the container's output has ended, or the client has done with it.</summary>
    /// <exception cref="OperationCanceledException">The client is gone.</exception>
    public async Task<SessionStatus> RunAsync(AttachTicket ticket, IConsole console, CancellationToken cancellationToken)
    {
        var container = containers.Get(ticket.ContainerId) ?? throw RuntimeException.NotFound($"container {ticket.ContainerId} does not exist");
        using var live = objects.UseContainer(container.SandboxId, container.Id);
        using var pipes = new ConsolePipes(ticket.Io);
        var attachment = await live.Object.AttachAsync(
            new() { Stdin = pipes.TheirStdin, Stdout = pipes.TheirStdout, Stderr = pipes.TheirStderr }, cancellationToken);
        pipes.ReleaseTheirs();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var resizing = console.Sizes is { } sizes ? ConsoleCopy.ResizeAsync(sizes, live.Object.Init, ended.Token) : Task.CompletedTask;
        var typing = console.Stdin is { } stdin && pipes.Stdin is { } input ? ConsoleCopy.TypeAsync(stdin, input, ended.Token) : Task.CompletedTask;
        var showing = Task.WhenAll(
            pipes.Stdout is { } stdout ? ConsoleCopy.ShowAsync(stdout, console.Stdout!, CancellationToken.None, ended.Token) : Task.CompletedTask,
            pipes.Stderr is { } stderr ? ConsoleCopy.ShowAsync(stderr, console.Stderr!, CancellationToken.None, ended.Token) : Task.CompletedTask);
        try
        {
            // Whoever only types ends with that, where the container's input stays open for others; kubelets know it so.
            var endsWithInput = pipes.Stdin is not null && container.Spec is { StdinOnce: false, Terminal: false };
            await (endsWithInput ? Task.WhenAny(attachment.End, typing) : attachment.End).WaitAsync(cancellationToken);
            if (attachment.End.IsCompleted)
            {
                await showing.WaitAsync(cancellationToken);
            }

            return SessionStatus.Success;
        }
        finally
        {
            await ended.CancelAsync();
            await Task.WhenAll(typing, showing, resizing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await attachment.DetachAsync(CancellationToken.None);
        }
    }
}
