using Berth.Abstractions;
using Berth.Containers;
using Berth.Sandboxes;
using Berth.Tests.Unit.Cri;
using Xunit;

namespace Berth.Tests.Unit.Sandboxes;

public sealed class SameRequestTests
{
    private static readonly Sandbox Earlier = Records.Sandbox();

    public static TheoryData<PodSandboxSpec> Others => new()
    {
        Earlier.Spec with { Hostname = "other" },
        Earlier.Spec with { Privileged = true },
        Earlier.Spec with { LogDirectory = "/var/log/other" },
        Earlier.Spec with { Namespaces = new() { Network = NamespaceMode.Node } },
        Earlier.Spec with { Sysctls = new Dictionary<string, string> { ["a"] = "b" } },
        Earlier.Spec with { PortMappings = [new("tcp", 80, 8080, "")] },
        Earlier.Spec with { Dns = new([], [], []) },
    };

    [Theory]
    [MemberData(nameof(Others), DisableDiscoveryEnumeration = true)]
    public void Demand_AnotherConfiguration_AlreadyExists(PodSandboxSpec spec)
    {
        var refusal = Assert.Throws<RuntimeException>(() => SameRequest.Demand(Earlier, spec, ""));
        Assert.Equal(RuntimeErrorCode.AlreadyExists, refusal.Code);
        Assert.Contains("another configuration", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Demand_AnotherHandler_AlreadyExists() =>
        Assert.Equal(RuntimeErrorCode.AlreadyExists, Assert.Throws<RuntimeException>(() => SameRequest.Demand(Earlier, Earlier.Spec, "crun")).Code);

    [Fact]
    public void Demand_WhatMayChangeWhileAPodLives_IsTheSame()
    {
        SameRequest.Demand(Earlier, Earlier.Spec, "");
        SameRequest.Demand(
            Earlier,
            Earlier.Spec with
            {
                Labels = new Dictionary<string, string> { ["new"] = "label" },
                Annotations = new Dictionary<string, string> { ["new"] = "one" },
                Resources = new() { CpuShares = 5 },
                Overhead = new() { CpuShares = 5 },
            },
            "");
        var sysctls = Earlier with { Spec = Earlier.Spec with { Sysctls = new Dictionary<string, string> { ["a"] = "1", ["b"] = "2" } } };
        SameRequest.Demand(sysctls, sysctls.Spec with { Sysctls = new Dictionary<string, string> { ["b"] = "2", ["a"] = "1" } }, "");
    }
}
