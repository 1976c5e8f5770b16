using Berth.Abstractions;
using Berth.Linux;
using Berth.Remoting.Wire;

namespace Berth.PluginHost;

/// <summary>Calls of <see cref="IContainer"/> and <see cref="IAttachment"/>.</summary>
internal static class ContainerCalls
{
    public static async Task<WireAnswer> RunAsync(
        HandlerObjects objects, WireRequest request, IReadOnlyList<SafeFd> descriptors, CancellationToken cancellationToken)
    {
        switch (request.Verb)
        {
            case Verb.Exec:
                return await ExecAsync(objects, request, descriptors, cancellationToken).ConfigureAwait(false);
            case Verb.UpdateContainer:
                await objects.Container(request).UpdateAsync(request.Limits!.Value, cancellationToken).ConfigureAwait(false);
                return new();
            case Verb.ContainerStats:
                return new() { Usage = await objects.Container(request).StatsAsync(cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null() };
            case Verb.Pids:
                return new() { Pids = await objects.Container(request).PidsAsync(cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null() };
            case Verb.ReopenLog:
                await objects.Container(request).ReopenLogAsync(cancellationToken).ConfigureAwait(false);
                return new();
            case Verb.Checkpoint:
                await objects.Container(request).CheckpointAsync(request.CheckpointRequest!, cancellationToken).ConfigureAwait(false);
                return new();
            case Verb.Attach:
                return await AttachAsync(objects, request, descriptors, cancellationToken).ConfigureAwait(false);
            case Verb.AttachmentEnd:
                await (objects.Attachment(request.Attachment)?.End ?? Task.CompletedTask).WaitAsync(cancellationToken).ConfigureAwait(false);
                objects.Forget(request.Attachment);
                return new();
            default:
                await (objects.Attachment(request.Attachment)?.DetachAsync(cancellationToken) ?? Task.CompletedTask).ConfigureAwait(false);
                return new();
        }
    }

    private static async Task<WireAnswer> ExecAsync(HandlerObjects objects, WireRequest request, IReadOnlyList<SafeFd> descriptors, CancellationToken cancellationToken)
    {
        try
        {
            var container = objects.Container(request);
            var exec = await container.ExecAsync(StdioPlaces.Resolve(request.ExecRequest!, descriptors), cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null();
            objects.Add(request.Container!, request.Exec!, new HeldExec(exec, descriptors));
            return new() { Pid = exec.Pid };
        }
        catch
        {
            Close(descriptors);
            throw;
        }
    }

    private static async Task<WireAnswer> AttachAsync(HandlerObjects objects, WireRequest request, IReadOnlyList<SafeFd> descriptors, CancellationToken cancellationToken)
    {
        try
        {
            var sent = StdioPlaces.Resolve(request.AttachRequest!, descriptors);
            var attachment = await objects.Container(request).AttachAsync(sent, cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null();
            objects.Add(request.Attachment, attachment);
            return new();
        }
        finally
        {
            Close(descriptors);
        }
    }

    private static void Close(IReadOnlyList<SafeFd> descriptors)
    {
        foreach (var descriptor in descriptors)
        {
            descriptor.Dispose();
        }
    }
}
