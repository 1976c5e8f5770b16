using System.Globalization;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration.BadInput;

/// <summary>
/// Random messages of the API's own types to every RPC, several at once, at objects that exist: whatever they ask for, the gateway
/// says why not or does it, stays alive and keeps nothing.
/// </summary>
public sealed class RandomCallsTests(Suite suite, ITestOutputHelper output)
{
    private const int Callers = 4;
    private const int CallsOfEach = 120;

    // Descriptors that a gateway opens once, of runtime libraries and pools.
    private const int Spare = 40;

    private static readonly TimeSpan CallTime = TimeSpan.FromSeconds(60);

    // What makes objects comes more often, for the others need them.
    private static readonly MethodDescriptor[] Methods = [.. RuntimeReflection.Descriptor.Services
        .SelectMany(static s => s.Methods)
        .SelectMany(static m => Enumerable.Repeat(m, m.Name switch { "CreateContainer" => 12, "RunPodSandbox" or "StartContainer" => 6, "RemovePodSandbox" or "StopPodSandbox" => 1, _ => 2 }))];

    [Fact]
    public async Task RandomCalls_AtEveryRpc_LeaveTheGatewayAliveAndNothingBehind()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("BERTH_TEST_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next();
        output.WriteLine($"BERTH_TEST_SEED={seed}");
        using var folder = new TempFolder();
        var before = await MachineState.ReadAsync();
        await suite.Registry.PushAsync("random", "one", new TestImage([suite.Base]));
        await using (var gateway = await suite.OwnGatewayAsync())
        {
            var pool = new RequestPool(suite.Registry.Host, folder.Path);
            try
            {
                await CallAsync(gateway, pool, seed);
            }
            catch
            {
                output.WriteLine(string.Join('\n', pool.Made) + "\n" + gateway.Log);
                throw;
            }
        }

        var left = await before.WhatIsNewAsync();
        Assert.True(left.Count == 0, $"seed {seed} left:\n{string.Join('\n', left)}");
    }

    private static async Task CallAsync(Gateway gateway, RequestPool pool, int seed)
    {
        var pid = gateway.Pid;
        await gateway.Client.Runtime.StatusAsync(new());
        var files = Descriptors(pid);
        var wrong = await Task.WhenAll(Enumerable.Range(seed, Callers).Select(s => Task.Run(() => CallAsync(gateway, pool, new Random(s)))));
        Assert.Equal("", string.Join('\n', wrong.SelectMany(static w => w)));

        await gateway.RemovePodsAsync();
        Assert.Equal(pid, gateway.Pid);
        Assert.True(await gateway.Client.AnswersAsync(), "it does not answer");
        Assert.Empty((await gateway.Client.Runtime.ListContainersAsync(new())).Containers);
        await Wait.ForAsync(() => Descriptors(pid) <= files + Spare, TimeSpan.FromSeconds(20));
    }

    // Done, or refused for a reason that a caller can act on.
    private static bool IsAnswer(Status status) =>
        status.StatusCode == StatusCode.OK
        || (status.StatusCode is not (StatusCode.Internal or StatusCode.Unknown or StatusCode.DataLoss or StatusCode.DeadlineExceeded or StatusCode.Cancelled) && status.Detail.Length >= 10);

    private static int Descriptors(int pid) => Directory.GetFiles($"/proc/{pid}/fd").Length;

    private static async Task<IReadOnlyList<string>> CallAsync(Gateway gateway, RequestPool pool, Random random)
    {
        var wrong = new List<string>();
        for (var i = 0; i < CallsOfEach; i++)
        {
            var method = Methods[random.Next(Methods.Length)];
            var request = pool.Request(method.InputType, random);
            // A stream of events ends when its reader goes.
            var isEndless = method.Name == nameof(RuntimeService.RuntimeServiceClient.GetContainerEvents);
            var (status, answer) = await gateway.Client.Raw.AskAsync(method, request.ToByteArray(), isEndless ? TimeSpan.FromSeconds(0.2) : Patience.Of(CallTime));
            if (!(isEndless && status.StatusCode == StatusCode.DeadlineExceeded) && !IsAnswer(status))
            {
                wrong.Add($"{method.Name}: {status.StatusCode}: {status.Detail}\n  {request}");
            }

            pool.Learn(request, answer);
        }

        return wrong;
    }
}
