using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Tests.Contract;

/// <summary>
/// Stands between the suite and a handler as a process border would: each request, answer, failure and exit becomes JSON
/// and is read back, so a contract that could not be remoted fails here.
/// </summary>
internal sealed class SerialisingProxy(IRuntimeHandler handler) : IRuntimeHandler
{
    public Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken) => Wire.AnswerAsync(handler.CheckAsync(cancellationToken));

    public Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken) =>
        Wire.AnswerAsync(handler.PrepareSandboxAsync(Wire.Copy(request), cancellationToken));

    public async Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken) =>
        new Sandbox(await Wire.CallAsync(handler.StartSandboxAsync(Wire.Copy(request), cancellationToken)));

    public async Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken) =>
        new Sandbox(await Wire.CallAsync(handler.RestoreSandboxAsync(Wire.Copy(request), cancellationToken)));

    public Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken) =>
        Wire.CallAsync(handler.DestroySandboxAsync(Wire.Copy(request), cancellationToken));

    public Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken) =>
        Wire.CallAsync(handler.DestroyContainerAsync(Wire.Copy(request), cancellationToken));

    public Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken) =>
        Wire.AnswerAsync(handler.ListOwnedAsync(cancellationToken));

    public Task<PreparedImage> PrepareImageAsync(PrepareImageRequest request, CancellationToken cancellationToken) =>
        Wire.AnswerAsync(handler.PrepareImageAsync(Wire.Copy(request), cancellationToken));

    public Task ReleaseImageAsync(string imageId, CancellationToken cancellationToken) =>
        Wire.CallAsync(handler.ReleaseImageAsync(imageId, cancellationToken));

    public ValueTask DisposeAsync() => handler.DisposeAsync();

    private sealed class Sandbox(ISandbox sandbox) : ISandbox
    {
        public string Id => sandbox.Id;

        public Task<ProcessExit> Exit { get; } = Wire.AnswerAsync(sandbox.Exit);

        public Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken) => Wire.AnswerAsync(sandbox.InfoAsync(cancellationToken));

        public async Task<IContainer> CreateContainerAsync(CreateContainerRequest request, CancellationToken cancellationToken) =>
            new Container(await Wire.CallAsync(sandbox.CreateContainerAsync(Wire.Copy(request), cancellationToken)));

        public Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken) => Wire.AnswerAsync(sandbox.StatsAsync(cancellationToken));

        public Task UpdateResourcesAsync(PodResources resources, CancellationToken cancellationToken) =>
            Wire.CallAsync(sandbox.UpdateResourcesAsync(Wire.Copy(resources), cancellationToken));

        public Task<int> OpenPortAsync(int port, CancellationToken cancellationToken) => Wire.CallAsync(sandbox.OpenPortAsync(port, cancellationToken));

        public IContainer? FindContainer(string containerId) => sandbox.FindContainer(containerId) is { } found ? new Container(found) : null;
    }

    private sealed class Container(IContainer container) : IContainer
    {
        public string Id => container.Id;

        public IProcess Init { get; } = new Process(container.Init);

        public async Task<IProcess> ExecAsync(ExecRequest request, CancellationToken cancellationToken) =>
            new Process(await Wire.CallAsync(container.ExecAsync(Wire.Copy(request), cancellationToken)));

        public async Task<IAttachment> AttachAsync(AttachRequest request, CancellationToken cancellationToken) =>
            new Attachment(await Wire.CallAsync(container.AttachAsync(Wire.Copy(request), cancellationToken)));

        public Task UpdateAsync(JsonElement linuxResources, CancellationToken cancellationToken) =>
            Wire.CallAsync(container.UpdateAsync(Wire.Copy(linuxResources), cancellationToken));

        public Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken) => Wire.AnswerAsync(container.StatsAsync(cancellationToken));

        public Task<IReadOnlyList<int>> PidsAsync(CancellationToken cancellationToken) => Wire.AnswerAsync(container.PidsAsync(cancellationToken));

        public Task ReopenLogAsync(CancellationToken cancellationToken) => Wire.CallAsync(container.ReopenLogAsync(cancellationToken));
    }

    private sealed class Attachment(IAttachment attachment) : IAttachment
    {
        public Task End { get; } = attachment.End;

        public Task DetachAsync(CancellationToken cancellationToken) => Wire.CallAsync(attachment.DetachAsync(cancellationToken));
    }

    private sealed class Process(IProcess process) : IProcess
    {
        public int Pid => process.Pid;

        public Task<ProcessExit> Exit { get; } = Wire.AnswerAsync(process.Exit);

        public Task StartAsync(CancellationToken cancellationToken) => Wire.CallAsync(process.StartAsync(cancellationToken));

        public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken) =>
            Wire.CallAsync(process.SignalAsync(signal, scope, cancellationToken));

        public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) =>
            Wire.CallAsync(process.ResizeAsync(columns, rows, cancellationToken));

        public Task CloseStdinAsync(CancellationToken cancellationToken) => Wire.CallAsync(process.CloseStdinAsync(cancellationToken));
    }
}

/// <summary>The border itself.</summary>
internal static class Wire
{
    private sealed record Failure(RuntimeErrorCode Code, string Message);

    public static T Copy<T>(T value) => JsonSerializer.Deserialize<T>(JsonSerializer.SerializeToUtf8Bytes(value))!;

    public static async Task<T> AnswerAsync<T>(Task<T> call) => Copy(await CallAsync(call));

    public static async Task<T> CallAsync<T>(Task<T> call)
    {
        await CallAsync((Task)call);
        return await call;
    }

    public static async Task CallAsync(Task call)
    {
        try
        {
            await call;
        }
        catch (RuntimeException e)
        {
            var (code, message) = Copy(new Failure(e.Code, e.Message));
            throw new RuntimeException(code, message);
        }
    }
}
