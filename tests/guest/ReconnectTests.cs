using System.Globalization;
using Berth.Guest.Protocol;
using Berth.Tests.Support;

namespace Berth.Tests.Guest;

/// <summary>The host goes and comes back; not a byte is lost or doubled.</summary>
public sealed class ReconnectTests(GuestMachine machine) : IClassFixture<GuestMachine>
{
    private const int Rounds = 200, LinesPerRound = 1000;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Output_AcrossConnections_IsWholeAndOnce()
    {
        var client = await FirstAsync();
        // More than all the windows hold, so that no connection has the end of it before the last.
        client.Acknowledges = false;
        var init = await GuestConfig.CreateAsync(client, "lines", GuestConfig.Of(
            $"i=0; while [ $i -lt {Rounds} ]; do seq $((i*{LinesPerRound})) $((i*{LinesPerRound}+{LinesPerRound - 1})); i=$((i+1)); done; exit 9"));
        await client.AskAsync(new() { Start = new("lines") });
        var text = "";
        for (var round = 0; round < 4; round++)
        {
            var before = client.Offset(init.Number);
            await Wait.ForAsync(() => client.Offset(init.Number) > before, Limit);
            await client.AcknowledgeAsync(init.Number, (before + client.Offset(init.Number)) / 2);
            // Half a frame is the last that this connection sends.
            await client.SendRawAsync(new Frame(FrameKind.Request, 99, new byte[5000]).ToBytes()[..(10 + (round * 1000))]);
            await client.DisposeAsync();
            text += client.Output(init.Number);
            client = await machine.ConnectAsync(acknowledges: round == 3);
            var known = client.Welcome.Containers.Single(static c => c.Id == "lines").Init!;
            Assert.Equal(init.Number, known.Number);
            Assert.InRange(known.Stdout, 0, text.Length);
            // What was received but whose acknowledgement was lost comes again.
            text = text[..(int)known.Stdout];
        }

        var exit = await client.ExitAsync(init.Number);
        text += client.Output(init.Number);
        Assert.Equal(9, exit.Code);
        Assert.Equal(string.Concat(Enumerable.Range(0, Rounds * LinesPerRound).Select(static i => string.Create(CultureInfo.InvariantCulture, $"{i}\n"))), text);
        Assert.Equal(exit.Stdout, text.Length);
        await client.DisposeAsync();
    }

    [Fact]
    public async Task Exit_WhileTheHostIsAway_IsReportedUntilAcknowledged()
    {
        var client = await FirstAsync();
        var init = await GuestConfig.CreateAsync(client, "away", GuestConfig.Of("echo bye; exit 4"));
        client.Acknowledges = false;
        await client.AskAsync(new() { Start = new("away") });
        await client.DisposeAsync();
        client = await machine.ConnectAsync();
        Assert.Equal(4, (await client.ExitAsync(init.Number)).Code);
        Assert.Equal("bye\n", client.Output(init.Number));
        // Asked and answered behind the acknowledgement, so that is done.
        await client.AskAsync(new() { Ping = new() });
        await client.DisposeAsync();
        client = await machine.ConnectAsync();
        var known = client.Welcome.Containers.Single(static c => c.Id == "away").Init!;
        Assert.Equal((true, 4, 4), (known.Ended, known.Exit!.Code, known.Stdout));
        await client.DisposeAsync();
    }

    // QEMU takes one client after another.
    private async Task<GuestClient> FirstAsync()
    {
        await machine.Client.DisposeAsync();
        return await machine.ConnectAsync();
    }
}
