using Berth.Configuration;
using Berth.Metrics;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Unit.Metrics;

public sealed class OtlpExportTests
{
    private const string Client = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    [Fact]
    public void Start_NoEndpoint_TracesNothing() => Assert.Null(OtlpExport.Start(new()));

    [Theory]
    [InlineData(true, "")]
    [InlineData(false, "v1/traces")]
    public async Task Start_Endpoint_GetsTheRpcWithItsParts(bool grpc, string path)
    {
        await using var receiver = await TraceReceiver.StartAsync(grpc);
        using (OtlpExport.Start(new() { Endpoint = new Uri(receiver.Address, path).ToString() }))
        {
            var now = TimeProvider.System.GetUtcNow();
            using var rpc = BerthTraces.StartRpc("RunPodSandbox", "shop/web", Client);
            BerthTraces.Chosen("crun", "default");
            BerthTraces.Record("network", now, TimeSpan.FromSeconds(2), null, new KeyValuePair<string, string>("berth.handler", "crun"));
            BerthTraces.Record("oci StartSandbox", now, TimeSpan.FromMilliseconds(5), "Refused");
        }

        var spans = receiver.Spans.Where(static s => s.Trace == "0af7651916cd43dd8448eb211c80319c").ToDictionary(static s => s.Name);
        var root = spans["RunPodSandbox"];
        Assert.Equal(3, spans.Count);
        Assert.Equal("b7ad6b7169203331", root.Parent);
        Assert.Equal(("shop/web", "crun", "default"), (root.Tags["berth.subject"], root.Tags["berth.handler"], root.Tags["berth.handler.reason"]));
        Assert.Equal((root.Id, 2_000_000_000UL, "crun"), (spans["network"].Parent, spans["network"].End - spans["network"].Start, spans["network"].Tags["berth.handler"]));
        Assert.Equal((root.Id, 2), (spans["oci StartSandbox"].Parent, spans["oci StartSandbox"].Status));
    }

    [Fact]
    public async Task Record_OutsideOfAnRpc_IsNoTrace()
    {
        await using var receiver = await TraceReceiver.StartAsync(grpc: false);
        using (OtlpExport.Start(new TracingOptions { Endpoint = new Uri(receiver.Address, "v1/traces").ToString() }))
        {
            BerthTraces.Record("alone", TimeProvider.System.GetUtcNow(), TimeSpan.Zero, null);
        }

        Assert.DoesNotContain(receiver.Spans, static s => s.Name == "alone");
    }
}
