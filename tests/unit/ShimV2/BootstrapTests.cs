using System.Text;
using Berth.Abstractions;
using Berth.Plugins.ShimV2;
using Berth.Plugins.ShimV2.Protocol;
using CsCheck;
using Google.Protobuf;
using Xunit;

namespace Berth.Tests.Unit.ShimV2;

public sealed class BootstrapTests
{
    private const string Address = "unix:///run/containerd/s/0123456789abcdef";

    [Theory]
    [InlineData(Address, 2)]
    [InlineData(Address + "\n", 2)]
    [InlineData($$"""{"version":2,"address":"{{Address}}","protocol":"ttrpc"}""", 2)]
    [InlineData($$"""{"version":3,"address":"{{Address}}","protocol":"ttrpc"}""", 3)]
    [InlineData($$"""{"address":"{{Address}}"}""", 2)]
    public void Parse_OfTextForms_FindsTheAddress(string output, int version) =>
        Assert.Equal(new(version, Address), Bootstrap.Parse(Encoding.UTF8.GetBytes(output)));

    [Fact]
    public void Parse_OfTheProtobufForm_FindsTheAddress() => Assert.Equal(
        new(3, Address), Bootstrap.Parse(new BootstrapResult { Version = 3, Address = Address, Protocol = "ttrpc" }.ToByteArray()));

    [Theory]
    [InlineData("", "address")]
    [InlineData("no address", "address")]
    [InlineData("tcp://127.0.0.1:1", "address")]
    [InlineData($$"""{"version":3,"address":"{{Address}}","protocol":"grpc"}""", "grpc")]
    [InlineData($$"""{"version":4,"address":"{{Address}}","protocol":"ttrpc"}""", "4")]
    [InlineData("""{"version":"x","address":7}""", "address")]
    public void Parse_OfWhatCannotBeUsed_SaysWhy(string output, string named)
    {
        var failure = Assert.Throws<RuntimeException>(() => Bootstrap.Parse(Encoding.UTF8.GetBytes(output)));
        Assert.Contains(named, failure.Message);
    }

    [Fact]
    public void Parse_OfAnyBytes_IsAnAddressOrARefusal() => Gen.Byte.Array[0, 200].Sample(static bytes =>
    {
        try
        {
            Assert.InRange(Bootstrap.Parse(bytes).Version, 2, 3);
        }
        catch (RuntimeException e)
        {
            Assert.Equal(RuntimeErrorCode.Unavailable, e.Code);
        }
    });
}
