using System.Text.Json;
using Berth.Abstractions;

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

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Features_OfAHandler_DoNotContradictEachOther(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var features = host.Features;
        Assert.NotEmpty(features.RootfsForms);
        Assert.True(features.RootfsForms[0] != RootfsForm.None || features is { OwnsImageStore: true, RootfsForms.Count: > 1 }, "no form in which an image can be handed over");
    }

    [Theory(SkipTestWithoutData = true), ClassData(typeof(EveryMissingPart))]
    public async Task Check_WithoutAPart_IsNotReadyAndSaysWhatToDo(string handler, string part)
    {
        var under = HandlerUnderTest.Named(handler);
        await HandlerEnvironments.OpenAsync(under);
        var missing = under.MissingParts.Single(p => p.Part == part);
        Assert.DoesNotContain(missing.Says, JsonSerializer.Serialize(missing.Options));
        var check = await CheckAsync(under, JsonSerializer.SerializeToElement(missing.Options));
        Assert.False(check.Ready);
        Assert.Contains(missing.Says, check.Reason);
    }

    [Theory(SkipTestWithoutData = true), ClassData(typeof(EveryBadOption))]
    public async Task Create_WithABadOption_IsRefusedByName(string handler, string options, string named)
    {
        var failure = await Assert.ThrowsAsync<RuntimeException>(
            () => CheckAsync(HandlerUnderTest.Named(handler), JsonDocument.Parse(options).RootElement));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, failure.Code);
        Assert.Contains(named, failure.Message);
    }

    private static async Task<HandlerCheck> CheckAsync(HandlerUnderTest handlerUnderTest, JsonElement options)
    {
        var folder = Directory.CreateTempSubdirectory("berth-contract-").FullName;
        try
        {
            var config = new HandlerConfig
            {
                Name = "h",
                Options = options,
                StateDirectory = folder,
                DataDirectory = folder,
                CgroupDriver = CgroupDriver.Cgroupfs,
            };
            await using var handler = await handlerUnderTest.NewPlugin().CreateHandlerAsync(config, new NoContext(), CancellationToken.None);
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
