using System.Text.Json;
using Berth.Abstractions;
using Berth.Containers;
using Berth.Cri.Mapping;
using Berth.Images;
using Berth.Linux;
using Berth.Sandboxes;
using Xunit;
using Protos = Berth.Cri.Protos;

namespace Berth.Tests.Unit.Cri;

/// <summary>What the gateway says of itself, of usage and of images.</summary>
public sealed class AnswersTests
{
    [Fact]
    public void Status_Handlers_OffersOnlyThoseThatAreReadyAndTheDefaultWithoutAName()
    {
        var answer = StatusMapping.ToProto(Conditions(), verbose: false);

        Assert.Equal(["", "crun", "kata"], answer.RuntimeHandlers.Select(static h => h.Name));
        Assert.Equal([true, true, false], answer.RuntimeHandlers.Select(static h => h.Features.RecursiveReadOnlyMounts));
        Assert.True(answer.Features.SupplementalGroupsPolicy);
        Assert.Empty(answer.Info);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void Status_FeaturesOfTheNode_AreThoseThatEveryReadyHandlerHas(bool other, bool expected)
    {
        var answer = StatusMapping.ToProto(
            Conditions() with
            {
                Handlers =
                [
                    new("crun", true, true, "", new() { MountOptions = true }, "oci", "crun 1.8.1"),
                    new("docker", false, true, "", new() { MountOptions = other }, "docker", "20.10"),
                    new("runsc", false, false, "runsc is not on the PATH", new(), "oci", ""),
                ],
            },
            verbose: false);

        Assert.Equal(expected, answer.Features.MountOptions);
    }

    [Fact]
    public void Status_WithoutAReadyHandler_PromisesNothing() =>
        Assert.Equal(new Protos.RuntimeFeatures(), StatusMapping.ToProto(Conditions() with { Handlers = [] }, verbose: false).Features);

    [Fact]
    public void Status_Conditions_HaveReasonAndMessage()
    {
        var conditions = StatusMapping.ToProto(Conditions(), verbose: false).Status.Conditions;

        Assert.Equal(["RuntimeReady", "NetworkReady"], conditions.Select(static c => c.Type));
        Assert.Equal((false, "CniConfigMissing", "no file in /etc/cni/net.d"), (conditions[1].Status, conditions[1].Reason, conditions[1].Message));
    }

    [Fact]
    public void Status_Verbose_SaysWhyAHandlerIsNotReady()
    {
        var info = StatusMapping.ToProto(Conditions(), verbose: true).Info;

        Assert.Equal("{}", info["config"]);
        using var handlers = JsonDocument.Parse(info["handlers"]);
        var broken = handlers.RootElement.EnumerateArray().Single(static h => h.GetProperty("name").GetString() == "runsc");
        Assert.Equal("runsc is not on the PATH", broken.GetProperty("reason").GetString());
    }

    [Fact]
    public void PodSandboxStatus_Verbose_SaysWhichHandlerAndWhy()
    {
        var sandbox = Records.Sandbox() with
        {
            Network = new() { NamespacePath = "/run/berth/netns/0a1b" },
            CniResult = """{ "cniVersion": "1.0.0" }""",
            RequestedHandler = "fast",
            Plugin = "oci",
            PluginVersion = "1.2.3",
            RuntimeVersion = "crun 1.8.1",
        };

        using var info = JsonDocument.Parse(VerboseInfo.Of(sandbox));

        var text = static (JsonElement e, string name) => e.GetProperty(name).GetString();
        Assert.Equal(("crun", "oci", "the default"), (text(info.RootElement, "handler"), text(info.RootElement, "plugin"), text(info.RootElement, "handlerReason")));
        Assert.Equal(("1.2.3", "crun 1.8.1"), (text(info.RootElement, "pluginVersion"), text(info.RootElement, "runtimeVersion")));
        Assert.Equal(("fast", "/run/berth/netns/0a1b", "ready"), (text(info.RootElement, "requestedHandler"), text(info.RootElement, "networkNamespace"), text(info.RootElement, "phase")));
        Assert.Equal("1.0.0", info.RootElement.GetProperty("cniResult").GetProperty("cniVersion").GetString());
    }

    [Fact]
    public void Stats_Sample_LeavesOutWhatIsNotKnown()
    {
        var usage = new ResourceUsage { Timestamp = Records.Created, CpuNanoseconds = 5, MemoryWorkingSetBytes = 7 };

        var stats = StatsMapping.ToProto(Records.Container(), new(usage, null, new TreeUsage(4096, 3), "/var/lib/berth"));

        Assert.Equal(1772600767_000_000_000, stats.Cpu.Timestamp);
        Assert.Equal(5u, stats.Cpu.UsageCoreNanoSeconds.Value);
        Assert.Null(stats.Cpu.UsageNanoCores);
        Assert.Equal(7u, stats.Memory.WorkingSetBytes.Value);
        Assert.Null(stats.Memory.AvailableBytes);
        Assert.Null(stats.Swap);
        Assert.Equal(("/var/lib/berth", 4096ul, 3ul), (stats.WritableLayer.FsId.Mountpoint, stats.WritableLayer.UsedBytes.Value, stats.WritableLayer.InodesUsed.Value));
    }

    [Fact]
    public void PodStats_Interfaces_AreAllButTheDefaultOne()
    {
        var sandbox = Records.Sandbox() with { Network = new() { NamespacePath = "/n", Interfaces = [new("eth0", null, 0, [])] } };
        LinkUsage[] links = [new("net1", 1, 2, 3, 4, 5, 6, 7, 8), new("eth0", 11, 12, 13, 14, 15, 16, 17, 18)];
        var network = PodStatsMapping.ToProto(sandbox, new(new() { Timestamp = Records.Created }, null, links, Records.Created), []).Linux.Network;

        Assert.Equal(("eth0", 11ul, 13ul, 15ul, 17ul), Figures(network.DefaultInterface));
        Assert.Equal(("net1", 1ul, 3ul, 5ul, 7ul), Figures(Assert.Single(network.Interfaces)));

        static (string, ulong, ulong, ulong, ulong) Figures(Protos.NetworkInterfaceUsage link) =>
            (link.Name, link.RxBytes.Value, link.RxErrors.Value, link.TxBytes.Value, link.TxErrors.Value);
    }

    [Fact]
    public void Stats_NoSample_SaysOnlyWhichContainer()
    {
        var stats = StatsMapping.ToProto(Records.Container(phase: ContainerPhase.Exited), null);

        Assert.Equal(("c0de", "nginx"), (stats.Attributes.Id, stats.Attributes.Metadata.Name));
        Assert.Null(stats.Cpu);
        Assert.Null(stats.Memory);
    }

    [Fact]
    public void Credentials_EmptyMessage_AreNone()
    {
        Assert.Null(ImageMapping.Credentials(null));
        Assert.Null(ImageMapping.Credentials(new()));
        Assert.Equal("t", ImageMapping.Credentials(new() { RegistryToken = "t" })!.RegistryToken);
    }

    [Fact]
    public void Reference_Empty_IsRefused()
    {
        Assert.Equal("image is missing", Assert.Throws<RuntimeException>(static () => ImageMapping.Reference(null)).Message);
        Assert.Equal("image.image is empty", Assert.Throws<RuntimeException>(static () => ImageMapping.Reference(new())).Message);
    }

    [Fact]
    public void ImageFsInfo_Usage_NamesTheFileSystemAndWhenItWasMeasured()
    {
        var usage = new ImageFileSystemUsage
        {
            MountPoint = "/var/lib/berth",
            MeasuredAt = Records.Created,
            Images = new(10, 2),
            Containers = new(30, 4),
            OtherImages = new Dictionary<string, TreeUsage> { ["/a"] = new(50, 6) },
        };

        var answer = ImageMapping.ToProto(usage);

        var containers = Assert.Single(answer.ContainerFilesystems);
        Assert.Equal(("/var/lib/berth", 1772600767_000_000_000), (containers.FsId.Mountpoint, containers.Timestamp));
        Assert.Equal((30ul, 4ul), (containers.UsedBytes.Value, containers.InodesUsed.Value));
        Assert.Equal(
            [("/var/lib/berth", 10ul), ("/a", 50ul)], answer.ImageFilesystems.Select(static f => (f.FsId.Mountpoint, f.UsedBytes.Value)));
    }

    private static GatewayConditions Conditions() => new(
        true, "Ready", "", false, "CniConfigMissing", "no file in /etc/cni/net.d",
        [
            new("crun", true, true, "", new() { RecursiveReadOnlyMounts = true }, "oci", "crun 1.8.1"),
            new("kata", false, true, "", new(), "shim-v2", "3.0"),
            new("runsc", false, false, "runsc is not on the PATH", new(), "oci", ""),
        ],
        new Dictionary<string, string> { ["config"] = "{}" });
}
