using Berth.Configuration;
using Berth.Reload;
using Xunit;

namespace Berth.Tests.Unit.Reload;

public sealed class ConfigurationReloadTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly HashSet<string> _offered = ["runc"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_FileAsBefore_IsTheSameObject()
    {
        var atStart = Load("{}");
        var reload = new ConfigurationReload(atStart);
        Assert.Same(atStart, reload.Read(atStart, always: false).Options);
        Assert.Same(atStart, reload.Read(atStart, always: true).Options);
    }

    /// <summary>The folder of a plugin comes after the edit that names its handler: the edit comes into force then.</summary>
    [Fact]
    public void Read_WhatTheFileLackedIsThereNow_IsTaken()
    {
        var atStart = Load("{}");
        var reload = new ConfigurationReload(atStart);
        _folder.Write("plugins.json", """{ "selection": { "default": "late" } }""");
        var refused = reload.Read(atStart, always: false);
        Assert.Same(atStart, refused.Options);
        Assert.Contains("late", refused.Problem, StringComparison.Ordinal);
        Assert.Equal(refused.Problem, reload.Read(atStart, always: false).Problem);

        _offered.Add("late");
        var taken = reload.Read(atStart, always: false);
        Assert.Equal(("late", ""), (taken.Options.Selection.Default, taken.Problem));
        Assert.Same(taken.Options, reload.Read(taken.Options, always: false).Options);
    }

    /// <summary>The same for one that was refused because of what the plugins say.</summary>
    [Fact]
    public void Read_AfterARefusal_IsTriedAgain()
    {
        var atStart = Load("{}");
        var reload = new ConfigurationReload(atStart);
        _folder.Write("plugins.json", """{ "health": { "faults": 7 } }""");
        Assert.Equal(7, reload.Read(atStart, always: false).Options.Health.Faults);
        reload.Refuse("its handler would not work");
        var again = reload.Read(atStart, always: false);
        Assert.Equal((7, ""), (again.Options.Health.Faults, again.Problem));
    }

    private BerthOptions Load(string json) =>
        ConfigurationLoader.Load(new() { File = _folder.Write("plugins.json", json), OfferedHandlers = _ => _offered });
}
