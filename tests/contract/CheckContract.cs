using System.Text.Json;
using Berth.Abstractions;
using Berth.Plugins.Oci;

namespace Berth.Tests.Contract;

/// <summary>Whether a handler says truly what it can.</summary>
public sealed class CheckContract
{
    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Check_OfAReadyHandler_HasVersionsAndStaysTheSame(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        Assert.Null(host.Check.Reason);
        Assert.NotEmpty(host.Check.RuntimeVersion!);
        Assert.Matches(@"^1\.\d+\.\d+", host.Check.OciVersion);
        Assert.Equal(Wire.Copy(host.Check).RuntimeVersion, (await host.Handler.CheckAsync(CancellationToken.None)).RuntimeVersion);
        Assert.Empty(await host.Handler.ListOwnedAsync(CancellationToken.None));
    }

    [Theory]
    [InlineData("""{ "path": "no-such-runtime" }""", "no-such-runtime")]
    [InlineData("""{ "path": "runc", "monitor": "no-such-monitor" }""", "no-such-monitor")]
    [InlineData("""{ "path": "true" }""", "true")]
    public async Task Check_WithoutAWorkingBinary_IsNotReadyAndNamesIt(string options, string named)
    {
        var check = await CheckAsync(options);
        Assert.False(check.Ready);
        Assert.Contains(named, check.Reason);
    }

    [Theory]
    [InlineData("""{ "path": "runc", "pth": 1 }""", "pth")]
    [InlineData("""{ "path": 7 }""", "path")]
    [InlineData("""{ }""", "path")]
    [InlineData("""{ "path": "" }""", "path")]
    [InlineData("""{ "path": "runc", "logLevel": "loud" }""", "logLevel")]
    [InlineData("""{ "path": "runc", "lacks": ["wings"] }""", "wings")]
    [InlineData("""{ "path": "runc", "runtimeRoot": "here" }""", "runtimeRoot")]
    [InlineData("""[]""", "object")]
    public async Task Create_WithABadOption_IsRefusedByName(string options, string named)
    {
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => CheckAsync(options));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, failure.Code);
        Assert.Contains(named, failure.Message);
    }

    private static async Task<HandlerCheck> CheckAsync(string options)
    {
        var folder = Directory.CreateTempSubdirectory("berth-contract-").FullName;
        try
        {
            var config = new HandlerConfig
            {
                Name = "h",
                Options = JsonDocument.Parse(options).RootElement,
                StateDirectory = folder,
                DataDirectory = folder,
                CgroupDriver = CgroupDriver.Cgroupfs,
            };
            await using var handler = await new OciPlugin().CreateHandlerAsync(config, new NoContext(), CancellationToken.None);
            return await handler.CheckAsync(CancellationToken.None);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private sealed class NoContext : IHandlerContext, IPluginLog
    {
        public IPluginLog Log => this;

        public Task SaveStateAsync(string id, StateRecord state, CancellationToken cancellationToken) => Task.CompletedTask;

        public void Write(PluginLogLevel level, string message)
        {
        }
    }
}
