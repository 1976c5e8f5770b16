using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Requests that cannot work: the right code, a message that names the object, nothing half made.</summary>
public sealed class BadInputTests(Suite suite)
{
    private const string Unknown = "00000000000000000000000000000000000000000000000000000000deadbeef";

    private RuntimeService.RuntimeServiceClient Runtime => suite.Client.Runtime;

    [Fact]
    public async Task UnknownId_WhereSomethingIsAsked_IsNotFound()
    {
        await FailsAsync(StatusCode.NotFound, Unknown, async () => await Runtime.PodSandboxStatusAsync(new() { PodSandboxId = Unknown }));
        await FailsAsync(StatusCode.NotFound, Unknown, async () => await Runtime.ContainerStatusAsync(new() { ContainerId = Unknown }));
        await FailsAsync(StatusCode.NotFound, Unknown, async () => await Runtime.StartContainerAsync(new() { ContainerId = Unknown }));
        await FailsAsync(StatusCode.NotFound, Unknown, async () => await Runtime.ExecSyncAsync(new() { ContainerId = Unknown, Cmd = { "true" } }));
        await FailsAsync(StatusCode.NotFound, Unknown, async () => await Runtime.ContainerStatsAsync(new() { ContainerId = Unknown }));
        await FailsAsync(StatusCode.NotFound, Unknown, async () => await Runtime.UpdateContainerResourcesAsync(new() { ContainerId = Unknown, Linux = new() }));
        await FailsAsync(StatusCode.NotFound, Unknown, async () => await Runtime.ReopenContainerLogAsync(new() { ContainerId = Unknown }));
        await FailsAsync(StatusCode.NotFound, Unknown, async () => await Runtime.CreateContainerAsync(new() { PodSandboxId = Unknown, Config = Requests.Idle(), SandboxConfig = Requests.Pod() }));
    }

    [Fact]
    public async Task UnknownId_WhereSomethingIsRemoved_IsSuccess()
    {
        await Runtime.StopPodSandboxAsync(new() { PodSandboxId = Unknown });
        await Runtime.RemovePodSandboxAsync(new() { PodSandboxId = Unknown });
        await Runtime.StopContainerAsync(new() { ContainerId = Unknown });
        await Runtime.RemoveContainerAsync(new() { ContainerId = Unknown });
        await suite.Client.Images.RemoveImageAsync(new() { Image = new() { Image = "localhost/no/such:image" } });
        Assert.Empty((await Runtime.ListContainersAsync(new() { Filter = new() { Id = Unknown } })).Containers);
    }

    [Fact]
    public async Task EmptyMetadata_Pod_IsInvalid()
    {
        await FailsAsync(StatusCode.InvalidArgument, "", async () => await Runtime.RunPodSandboxAsync(new()));
        foreach (var change in (Action<PodSandboxMetadata>[])[static m => m.Name = "", static m => m.Namespace = "", static m => m.Uid = ""])
        {
            var config = Requests.Pod();
            change(config.Metadata);
            await FailsAsync(StatusCode.InvalidArgument, "", async () => await Runtime.RunPodSandboxAsync(new() { Config = config }));
        }

        await FailsAsync(StatusCode.InvalidArgument, "", async () => await Runtime.StopPodSandboxAsync(new()));
    }

    [Fact]
    public async Task EmptyMetadata_Container_IsInvalid()
    {
        await using var pod = await suite.PodAsync();
        await FailsAsync(StatusCode.InvalidArgument, "", async () => await Runtime.CreateContainerAsync(new() { PodSandboxId = pod.Id }));
        await FailsAsync(StatusCode.InvalidArgument, "", () => pod.CreateAsync(Requests.Idle("")));
        Assert.Empty((await Runtime.ListContainersAsync(new() { Filter = new() { PodSandboxId = pod.Id } })).Containers);
    }

    [Fact]
    public async Task Image_NotHere_IsNotFound()
    {
        await using var pod = await suite.PodAsync();
        var container = Requests.Idle();
        container.Image.Image = "localhost/no/such:image";
        await FailsAsync(StatusCode.NotFound, "localhost/no/such:image", () => pod.CreateAsync(container));
    }

    [Theory]
    [InlineData("")]
    [InlineData("localhost/UPPER:tag")]
    [InlineData("spaces in/it")]
    [InlineData("host/../climb:tag")]
    [InlineData("name@sha256:short")]
    public async Task Reference_Bad_IsInvalid(string reference) =>
        await FailsAsync(StatusCode.InvalidArgument, reference, async () => await suite.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } }));

    [Fact]
    public async Task Registry_Down_IsUnavailable()
    {
        var reference = $"127.0.0.1:{FreePort.Next()}/down:one";
        await FailsAsync(StatusCode.Unavailable, reference[..reference.IndexOf('/', StringComparison.Ordinal)], async () => await suite.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } }));
    }

    [Fact]
    public async Task Registry_WithoutTheImage_IsNotFound()
    {
        var reference = $"{suite.Registry.Host}/no/such:image";
        await FailsAsync(StatusCode.NotFound, reference, async () => await suite.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } }));
    }

    [Fact]
    public async Task Sysctl_OfTheNode_IsRefused() =>
        await RefusedPodAsync(StatusCode.InvalidArgument, "kernel.panic", static c => c.Linux.Sysctls["kernel.panic"] = "1");

    [Fact]
    public async Task Hostname_WithANewline_IsRefused() =>
        await RefusedPodAsync(StatusCode.InvalidArgument, "hostname", static c => c.Hostname = "a\n127.0.0.1 evil");

    [Fact]
    public async Task LogPath_ClimbsOut_IsRefused()
    {
        await using var pod = await suite.PodAsync();
        var container = Requests.Idle();
        container.LogPath = "../../escaped.log";
        await FailsAsync(StatusCode.InvalidArgument, "escaped.log", () => pod.CreateAsync(container));
    }

    [Fact]
    public async Task Capability_Unknown_IsRefused()
    {
        await using var pod = await suite.PodAsync();
        var container = Requests.Idle();
        container.Linux.SecurityContext.Capabilities.AddCapabilities.Add("SWIM");
        await FailsAsync(StatusCode.InvalidArgument, "SWIM", () => pod.CreateAsync(container));
    }

    [Fact]
    public async Task User_NotInTheImage_IsRefused()
    {
        await using var pod = await suite.PodAsync();
        var container = Requests.Idle();
        container.Linux.SecurityContext.RunAsUsername = "stowaway";
        await FailsAsync(null, "stowaway", () => pod.CreateAsync(container));
        Assert.Empty((await Runtime.ListContainersAsync(new() { Filter = new() { PodSandboxId = pod.Id } })).Containers);
    }

    [Fact]
    public async Task Seccomp_LocalhostFileMissing_IsRefused()
    {
        await using var pod = await suite.PodAsync();
        var container = Requests.Idle();
        container.Linux.SecurityContext.Seccomp = new() { ProfileType = SecurityProfile.Types.ProfileType.Localhost, LocalhostRef = "/no/such/profile.json" };
        await FailsAsync(null, "/no/such/profile.json", () => pod.CreateAsync(container));
    }

    [Fact]
    public async Task CreateContainer_InAStoppedPod_IsRefused()
    {
        await using var pod = await suite.PodAsync();
        await Runtime.StopPodSandboxAsync(new() { PodSandboxId = pod.Id });
        await FailsAsync(StatusCode.FailedPrecondition, pod.Id, () => pod.CreateAsync(Requests.Idle()));
    }

    private async Task RefusedPodAsync(StatusCode code, string named, Action<PodSandboxConfig> change)
    {
        var config = Requests.Pod();
        change(config);
        await FailsAsync(code, named, async () => await Runtime.RunPodSandboxAsync(new() { Config = config }));
        Assert.DoesNotContain((await Runtime.ListPodSandboxAsync(new())).Items, i => i.Metadata.Uid == config.Metadata.Uid);
    }

    private static async Task FailsAsync(StatusCode? code, string named, Func<Task> call)
    {
        var error = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal(code ?? error.StatusCode, error.StatusCode);
        Assert.NotEqual(StatusCode.Internal, error.StatusCode);
        Assert.NotEqual(StatusCode.Unknown, error.StatusCode);
        Assert.NotEmpty(error.Status.Detail);
        Assert.Contains(named, error.Status.Detail, StringComparison.OrdinalIgnoreCase);
    }
}
