using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A gateway that the tests of a class end and start again; each leaves it as it was: running, without a pod.</summary>
public sealed class RestartedGateway(Suite suite) : IAsyncLifetime
{
    private Gateway? _gateway;

    public Gateway Gateway => _gateway!;

    public async ValueTask InitializeAsync() => _gateway = await suite.OwnGatewayAsync();

    public async ValueTask DisposeAsync() => await (_gateway?.DisposeAsync() ?? ValueTask.CompletedTask);
}
