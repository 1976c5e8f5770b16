using System.Buffers;
using System.Text;
using Berth.Plugins.Docker;
using Xunit;

namespace Berth.Tests.Unit.Plugins.Docker;

public sealed class LogRecordTests
{
    [Theory]
    [InlineData("""{"log":"out\n","stream":"stdout","time":"2026-11-24T16:51:52.945137602Z"}""", "2026-11-24T16:51:52.945137602Z stdout F out\n")]
    [InlineData("""{"log":"err\n","stream":"stderr","time":"2026-11-24T16:51:52.9451Z"}""", "2026-11-24T16:51:52.945100000Z stderr F err\n")]
    [InlineData("""{"log":"part","stream":"stdout","time":"2026-11-24T16:51:52Z"}""", "2026-11-24T16:51:52.000000000Z stdout P part\n")]
    [InlineData("""{"log":"\n","stream":"stdout","time":"2026-11-24T16:51:52Z"}""", "2026-11-24T16:51:52.000000000Z stdout F \n")]
    [InlineData("""{"log":"\u003ca\u0001\"ü\r\n","stream":"stdout","time":"2026-11-24T16:51:52Z"}""", "2026-11-24T16:51:52.000000000Z stdout F <a\u0001\"ü\r\n")]
    public void Write_OfARecord_IsOneLine(string json, string line) => Assert.Equal(line, Convert(json));

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("\0\0\0")]
    [InlineData("""{"log":7}""")]
    [InlineData("""{"log":"no time\n","stream":"stdout"}""")]
    [InlineData("""{"log":"two\nlines\n","stream":"stdout","time":"2026-11-24T16:51:52Z"}""")]
    [InlineData("""{"log":"x\n","stream":"stdout","time":"2026-11-24T16:51:52.1234567890123Z"}""")]
    public void Write_OfWhatIsNoRecord_IsOneLineToo(string json)
    {
        var line = Convert(json);
        Assert.Equal(1, line.Count(static c => c == '\n'));
        Assert.Contains("not readable", line);
    }

    private static string Convert(string json)
    {
        var target = new ArrayBufferWriter<byte>();
        LogRecord.Write(Encoding.UTF8.GetBytes(json), target);
        return Encoding.UTF8.GetString(target.WrittenSpan);
    }
}
