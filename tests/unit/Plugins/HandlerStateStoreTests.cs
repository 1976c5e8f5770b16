using System.Text.Json;
using Berth.Abstractions;
using Berth.Plugins;
using Berth.State;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

public sealed class HandlerStateStoreTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly StateDatabase _database;
    private readonly HandlerStateStore _store;

    public HandlerStateStoreTests()
    {
        _database = new(Path.Combine(_folder.Path, "berth.db"));
        _store = new(_database);
    }

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Save_Twice_KeepsTheNewest()
    {
        var given = new GivenIds();
        given.Add("a", "a");
        var context = new HandlerContext("runc", given, _store, NullLoggerFactory.Instance);
        await context.SaveStateAsync("a", Record(1, """{"pid":1}"""), default);
        await context.SaveStateAsync("a", Record(2, """{"pid":2}"""), default);

        var loaded = _store.Load("a")!;

        Assert.Equal((2, """{"pid":2}"""), (loaded.Version, loaded.Data.GetRawText()));
        _store.Delete("a");
        _store.Delete("a");
        Assert.Null(_store.Load("a"));
    }

    [Fact]
    public async Task Save_WhatTheHandlerWasNotGiven_IsRefused()
    {
        var given = new GivenIds();
        given.Add("pod", "pod");
        given.Add("pod", "container");
        var context = new HandlerContext("runc", given, _store, NullLoggerFactory.Instance);
        await context.SaveStateAsync("container", Record(1, "1"), default);
        _store.Save("another", Record(1, "1"));

        given.RemoveSandbox("pod");
        foreach (var id in (string[])["another", "pod", "container"])
        {
            var refusal = await Assert.ThrowsAsync<RuntimeException>(() => context.SaveStateAsync(id, Record(2, "2"), default));
            Assert.Equal((RuntimeErrorCode.InvalidArgument, $"{id} is no sandbox or container of handler runc"), (refusal.Code, refusal.Message));
        }

        Assert.Equal(1, _store.Load("another")!.Version);
    }

    [Fact]
    public void Save_TooLarge_IsRefusedAndKeepsTheOlder()
    {
        _store.Save("a", Record(1, "1"));
        var e = Assert.Throws<RuntimeException>(() => _store.Save("a", Record(1, $"\"{new string('x', 64 << 10)}\"")));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, e.Code);
        Assert.Equal("1", _store.Load("a")!.Data.GetRawText());
    }

    private static StateRecord Record(int version, string json) => new(version, JsonSerializer.Deserialize<JsonElement>(json));
}
