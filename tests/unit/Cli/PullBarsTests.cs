using Berth.Admin.Protos;
using Berth.Cli;
using Spectre.Console;
using Xunit;

namespace Berth.Tests.Unit.Cli;

public sealed class PullBarsTests
{
    private static readonly string First = "sha256:" + new string('a', 64), Second = "sha256:" + new string('b', 64);

    [Fact]
    public void Bars_FollowTheirLayers_AndAreFullAtTheEnd()
    {
        var console = AnsiConsole.Create(new() { Ansi = AnsiSupport.No, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(new StringWriter()) });
        console.Progress().AutoRefresh(false).Start(context =>
        {
            var bars = new PullBars(context);
            bars.Show(new() { Layers = { Layer(First, 10, 100) } });
            Assert.Equal((10, 100), Bar(bars, First));
            bars.Show(new() { Layers = { Layer(First, 60, 100), Layer(Second, 0, 0) } });
            Assert.Equal((60, 100), Bar(bars, First));
            // A size that is not known yet is no bar of nothing.
            Assert.Equal((0, 1), Bar(bars, Second));
            Assert.Equal(2, bars.Bars.Count);
            Assert.StartsWith(bars.Bars[First].Description, First, StringComparison.Ordinal);
            Assert.False(context.IsFinished);

            bars.Show(new() { Image = new() { Id = "i" }, Layers = { Layer(First, 100, 100), Layer(Second, 0, 0) } });
            Assert.Equal((100, 100), Bar(bars, First));
            Assert.Equal((1, 1), Bar(bars, Second));
            Assert.True(context.IsFinished);
        });
    }

    private static (double Value, double Most) Bar(PullBars bars, string digest) => (bars.Bars[digest].Value, bars.Bars[digest].MaxValue);

    private static PulledLayer Layer(string digest, long received, long size) => new() { Digest = digest, ReceivedBytes = received, SizeBytes = size };
}
