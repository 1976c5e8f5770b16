using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

public sealed class StatusTests(Suite suite)
{
    [Fact]
    public async Task Version_Asked_IsCriV1()
    {
        var version = await suite.Client.Runtime.VersionAsync(new() { Version = "v1" });
        Assert.Equal("v1", version.RuntimeApiVersion);
        Assert.Equal("berth", version.RuntimeName);
        Assert.NotEmpty(version.RuntimeVersion);
    }

    [Fact]
    public void WhatIsOff_IsNotLoaded()
    {
        var mapped = File.ReadAllText($"/proc/{suite.Gateway.Pid}/maps");
        Assert.Contains("/berth.dll", mapped, StringComparison.Ordinal);
        Assert.DoesNotContain("/KubernetesClient.dll", mapped, StringComparison.Ordinal);
        Assert.DoesNotContain("/OpenTelemetry", mapped, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_Configured_IsReadyAndListsHandlers()
    {
        var status = await suite.Client.Runtime.StatusAsync(new() { Verbose = true });
        Assert.All(status.Status.Conditions.Where(static c => c.Type is "RuntimeReady" or "NetworkReady"), static c => Assert.True(c.Status, c.Message));
        Assert.Equal(2, status.Status.Conditions.Count(static c => c.Type is "RuntimeReady" or "NetworkReady"));
        Assert.Contains(status.RuntimeHandlers, static h => h.Name == "runc");
        // A kubelet looks for the default handler under the empty name.
        Assert.Contains(status.RuntimeHandlers, static h => h.Name == "");
        // The tests' plugins are copies that nobody has signed, and the gateway says that it takes them.
        Assert.Matches("^allowed by plugins.signatures.allowUnsigned; taken: .*oci [0-9.]+", status.Info["plugins.unsigned"]);
        Assert.Contains(
            (await suite.Client.Admin.DoctorAsync(new())).Findings,
            static f => f is { Subject: "signatures", Severity: "warning" } && f.Message.Contains("allowed, and taken: ", StringComparison.Ordinal));
        Assert.True(status.Features is { SupplementalGroupsPolicy: true, UserNamespacesHostNetwork: false });
        // The API has it for the node, so it is there if every handler has it that is ready: Docker's Engine takes no such options.
        Assert.Equal(status.RuntimeHandlers.All(static h => h.Name != "docker"), status.Features.MountOptions);
    }

    [Fact]
    public async Task RuntimeConfig_Asked_NamesTheDriver()
    {
        var config = await suite.Client.Runtime.RuntimeConfigAsync(new());
        Assert.Equal(TestCgroups.Driver == Abstractions.CgroupDriver.Systemd ? CgroupDriver.Systemd : CgroupDriver.Cgroupfs, config.Linux.CgroupDriver);
    }

    [Fact]
    public async Task UpdateRuntimeConfig_PodCidr_IsAccepted() =>
        await suite.Client.Runtime.UpdateRuntimeConfigAsync(new() { RuntimeConfig = new() { NetworkConfig = new() { PodCidr = "192.0.2.0/24" } } });

    [Fact]
    public void Socket_Made_IsForItsOwnerOnly() =>
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(suite.Gateway.SocketPath));

    [Fact]
    public async Task Metrics_Fetched_AreInPrometheusForm()
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(suite.Gateway.Metrics);
        Assert.Contains("# TYPE berth_", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_Asked_FindsNothingOwed()
    {
        var findings = (await suite.Client.Admin.DoctorAsync(new())).Findings;
        Assert.NotEmpty(findings);
        Assert.DoesNotContain(findings, static f => f.Severity == "error");
    }
}
