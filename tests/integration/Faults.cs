using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>kill -9 of the gateway in the middle of an operation.</summary>
internal static class Faults
{
    public static async Task KillDuringAsync(Gateway gateway, TimeSpan moment, Func<Task> operation)
    {
        var running = operation();
        await Task.Delay(moment);
        await gateway.KillAsync();
        try
        {
            await running;
        }
        catch (RpcException e)
        {
            Assert.Equal(StatusCode.Unavailable, e.StatusCode);
        }
    }

    public static async Task RemoveAsync(Gateway gateway, string id)
    {
        await gateway.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = id });
        await gateway.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = id });
    }
}
