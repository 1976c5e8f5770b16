using Berth.Cri.Protos;
using Berth.Tests.Support;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration.BadInput;

/// <summary>Every RPC of the API with every kind of wrong request: the right code, a message that names what is wrong, nothing half made.</summary>
public sealed class EveryRpcTests(BadInputScene scene) : IClassFixture<BadInputScene>
{
    private const int TooLarge = (16 * 1024 * 1024) + 1;

    // Far longer than anything takes that is refused.
    private static readonly TimeSpan CallTime = TimeSpan.FromSeconds(60);

    private static readonly byte[] NotUtf8 = [(byte)'a', 0xff, 0xfe];
    private static readonly byte[] WithNul = [(byte)'a', 0, (byte)'b'];

    private static IEnumerable<MethodDescriptor> Methods => RuntimeReflection.Descriptor.Services.SelectMany(static s => s.Methods);

    public static TheoryData<string> Rpcs => [.. Methods.Select(static m => m.Name)];

    [Fact]
    public void Table_HasEveryRpcOfTheApi() => Assert.Equal(Methods.Select(static m => m.Name).Order(), BadCalls.Rpcs.Order());

    [Theory]
    [MemberData(nameof(Rpcs))]
    public async Task WrongRequest_IsRefusedWithItsCodeAndAMessage(string rpc)
    {
        var before = await ObjectsAsync();
        var wrong = new List<string>();
        foreach (var call in BadCalls.Of(rpc, scene))
        {
            var status = await CallAsync(rpc, call.Request.ToByteArray());
            Assert.SkipWhen(status.StatusCode == StatusCode.Unimplemented && status.Detail.Contains("not served by this version", StringComparison.Ordinal), status.Detail);
            if (status.StatusCode != call.Code || !IsClear(status.Detail) || !call.Says.All(text => status.Detail.Contains(text, StringComparison.OrdinalIgnoreCase)))
            {
                wrong.Add($"{call.Why}: expected {call.Code} with \"{string.Join("\", \"", call.Says)}\", got {status.StatusCode}: {status.Detail}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.Equal(before, await ObjectsAsync());
    }

    private static bool IsClear(string message) => message.Length is > 10 and < 1000 && !message.Contains("Exception", StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Rpcs))]
    public async Task BytesThatAreNoMessage_AreRefused(string rpc)
    {
        // Field 1 says that five bytes follow; one does.
        var cut = await CallAsync(rpc, [0x0a, 5, (byte)'a']);
        Assert.Equal(StatusCode.InvalidArgument, cut.StatusCode);
        Assert.StartsWith(rpc + ": ", cut.Detail, StringComparison.Ordinal);
        var large = await CallAsync(rpc, new byte[TooLarge]);
        Assert.Equal(StatusCode.ResourceExhausted, large.StatusCode);
        Assert.NotEmpty(large.Detail);
    }

    [Theory]
    [MemberData(nameof(Rpcs))]
    public async Task AnyText_NotUtf8OrWithANul_IsRefusedByName(string rpc)
    {
        foreach (var path in WirePath.Texts(Methods.Single(m => m.Name == rpc).InputType))
        {
            foreach (var (text, says) in ((byte[], string)[])[(NotUtf8, "is not UTF-8 text"), (WithNul, "contains a NUL byte")])
            {
                var status = await CallAsync(rpc, path.Message(text));
                Assert.Equal((StatusCode.InvalidArgument, true), (status.StatusCode, status.Detail.StartsWith($"{rpc}: {path.Name} {says}", StringComparison.Ordinal)));
            }
        }
    }

    private async Task<Status> CallAsync(string rpc, byte[] request)
    {
        var (status, _) = await scene.Suite.Client.Raw.AskAsync(Methods.Single(m => m.Name == rpc), request, Patience.Of(CallTime));
        return status;
    }

    private async Task<string> ObjectsAsync()
    {
        var pods = await scene.Suite.Client.Runtime.ListPodSandboxAsync(new());
        var containers = await scene.Suite.Client.Runtime.ListContainersAsync(new());
        return string.Join('\n', pods.Items.Select(static p => $"{p.Id} {p.State}").Concat(containers.Containers.Select(static c => $"{c.Id} {c.State}")).Order());
    }
}
