namespace Berth.Tests.Guest;

/// <summary>The machine ends when it is told.</summary>
public sealed class ShutdownTests(GuestMachine machine) : IClassFixture<GuestMachine>
{
    [Fact]
    public async Task Shutdown_TurnsThePowerOff()
    {
        var init = await GuestConfig.CreateAsync(machine.Client, "stays", GuestConfig.Of("sleep 1000"));
        Assert.True(init.Pid > 1);
        await machine.Client.AskAsync(new() { Start = new("stays") });
        await machine.Client.AskAsync(new() { Shutdown = new() });
        Assert.Equal(0, await machine.End.WaitAsync(TimeSpan.FromMinutes(1)));
    }
}
