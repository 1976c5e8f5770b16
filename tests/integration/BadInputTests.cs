using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>What is wrong only for the image or the node; see <see cref="BadInput.EveryRpcTests"/> for all that a request itself can have wrong.</summary>
public sealed class BadInputTests(Suite suite)
{
    private const string Unknown = "00000000000000000000000000000000000000000000000000000000deadbeef";

    private RuntimeService.RuntimeServiceClient Runtime => suite.Client.Runtime;

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
