using Berth.Cri.Protos;
using Berth.Tests.Support;
using Google.Protobuf;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>The lists in parts say what the lists say.</summary>
public sealed class StreamedListTests(Suite suite)
{
    [Fact]
    public async Task Lists_InParts_AreTheLists()
    {
        await using var pod = await suite.PodAsync();
        await pod.StartAsync(Requests.Idle());
        var client = suite.Client;
        Same((await client.Runtime.ListPodSandboxAsync(new())).Items, (await ReadAsync(client.Runtime.StreamPodSandboxes(new()))).SelectMany(static m => m.PodSandboxes));
        Same((await client.Runtime.ListContainersAsync(new())).Containers, (await ReadAsync(client.Runtime.StreamContainers(new()))).SelectMany(static m => m.Containers));
        Same((await client.Images.ListImagesAsync(new())).Images, (await ReadAsync(client.Images.StreamImages(new()))).SelectMany(static m => m.Images));
        Assert.Equal(
            (await client.Runtime.ListContainerStatsAsync(new())).Stats.Select(static s => s.Attributes.Id).Order(),
            (await ReadAsync(client.Runtime.StreamContainerStats(new()))).SelectMany(static m => m.ContainerStats).Select(static s => s.Attributes.Id).Order());
        Assert.Equal(
            (await client.Runtime.ListPodSandboxStatsAsync(new())).Stats.Select(static s => s.Attributes.Id).Order(),
            (await ReadAsync(client.Runtime.StreamPodSandboxStats(new()))).SelectMany(static m => m.PodSandboxStats).Select(static s => s.Attributes.Id).Order());
        Assert.Equal(
            (await client.Runtime.ListPodSandboxMetricsAsync(new())).PodMetrics.Select(static m => m.PodSandboxId).Order(),
            (await ReadAsync(client.Runtime.StreamPodSandboxMetrics(new()))).SelectMany(static m => m.PodSandboxMetrics).Select(static m => m.PodSandboxId).Order());
    }

    [Fact]
    public async Task Lists_InParts_HeedTheFilter()
    {
        await using var first = await suite.PodAsync();
        await using var second = await suite.PodAsync();
        var found = (await ReadAsync(suite.Client.Runtime.StreamPodSandboxes(new() { Filter = new() { Id = first.Id } }))).SelectMany(static m => m.PodSandboxes);
        Assert.Equal(first.Id, Assert.Single(found).Id);
        Assert.Empty(await ReadAsync(suite.Client.Runtime.StreamPodSandboxes(new() { Filter = new() { Id = "none" } })));

        var runtime = suite.Client.Runtime;
        var container = await first.StartAsync(Requests.Idle());
        await second.StartAsync(Requests.Idle());
        Assert.Equal(container, Assert.Single((await ReadAsync(runtime.StreamContainers(new() { Filter = new() { PodSandboxId = first.Id } }))).SelectMany(static m => m.Containers)).Id);
        Assert.Equal(container, Assert.Single((await ReadAsync(runtime.StreamContainerStats(new() { Filter = new() { PodSandboxId = first.Id } }))).SelectMany(static m => m.ContainerStats)).Attributes.Id);
        var byLabel = new PodSandboxStatsFilter { LabelSelector = { ["io.kubernetes.pod.uid"] = second.Config.Metadata.Uid } };
        Assert.Equal(second.Id, Assert.Single((await ReadAsync(runtime.StreamPodSandboxStats(new() { Filter = byLabel }))).SelectMany(static m => m.PodSandboxStats)).Attributes.Id);
        var image = new ImageSpec { Image = Cli.Up.SampleImage.Name };
        Assert.Contains(Cli.Up.SampleImage.Name, Assert.Single((await ReadAsync(suite.Client.Images.StreamImages(new() { Filter = new() { Image = image } }))).SelectMany(static m => m.Images)).RepoTags);
        Assert.Empty(await ReadAsync(suite.Client.Images.StreamImages(new() { Filter = new() { Image = new() { Image = "no/such:image" } } })));
    }

    [Fact]
    public async Task List_TooLargeForOneMessage_ComesInParts()
    {
        var bulk = new string('x', 200_000);
        List<TestPod> pods = [];
        try
        {
            for (var i = 0; i < 6; i++)
            {
                pods.Add(await suite.PodAsync(change: c => c.Annotations["bulk"] = bulk));
            }

            var parts = await ReadAsync(suite.Client.Runtime.StreamPodSandboxes(new()));
            Assert.True(parts.Count > 1);
            Assert.All(parts, static p => Assert.InRange(p.CalculateSize(), 1, 4 * 1024 * 1024));
            Assert.Superset(pods.Select(static p => p.Id).ToHashSet(), parts.SelectMany(static p => p.PodSandboxes).Select(static p => p.Id).ToHashSet());
        }
        finally
        {
            foreach (var pod in pods)
            {
                await pod.DisposeAsync();
            }
        }
    }

    private static void Same<T>(IEnumerable<T> list, IEnumerable<T> streamed)
        where T : IMessage => Assert.Equal(list.Select(static i => i.ToByteString()).ToHashSet(), [.. streamed.Select(static i => i.ToByteString())]);

    private static async Task<List<T>> ReadAsync<T>(AsyncServerStreamingCall<T> call)
    {
        using (call)
        {
            return await call.ResponseStream.ReadAllAsync().ToListAsync();
        }
    }
}
