using System.Collections.Concurrent;

[assembly: AssemblyFixture(typeof(Berth.Tests.Contract.HandlerEnvironments))]

namespace Berth.Tests.Contract;

/// <summary>What handlers need beside them, opened with the first test that wants it and closed after the last.</summary>
public sealed class HandlerEnvironments : IAsyncDisposable
{
    private static readonly ConcurrentDictionary<string, Lazy<Task<IAsyncDisposable?>>> Open = new();

    public async ValueTask DisposeAsync()
    {
        await SharedPods.CloseAsync();
        foreach (var environment in Open.Values)
        {
            if (await environment.Value is { } opened)
            {
                await opened.DisposeAsync();
            }
        }
    }

    internal static Task OpenAsync(HandlerUnderTest handler) =>
        Open.GetOrAdd(handler.Name, _ => new Lazy<Task<IAsyncDisposable?>>(handler.OpenAsync)).Value;
}
