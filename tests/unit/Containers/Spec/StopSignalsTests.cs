using Berth.Abstractions;
using Berth.Containers.Spec;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class StopSignalsTests
{
    [Theory]
    [InlineData(null, "", "SIGTERM")]
    [InlineData(null, "SIGQUIT", "SIGQUIT")]
    [InlineData("", "quit", "SIGQUIT")]
    [InlineData("SIGINT", "SIGQUIT", "SIGINT")]
    [InlineData("15", "", "SIGTERM")]
    [InlineData("SIGRTMIN+3", "", "SIGRTMIN+3")]
    [InlineData("SIGRTMINPLUS3", "", "SIGRTMIN+3")]
    [InlineData("SIGRTMAXMINUS1", "", "SIGRTMAX-1")]
    [InlineData("37", "", "SIGRTMIN+3")]
    [InlineData("SIGIOT", "", "SIGABRT")]
    public void Choose_RequestThenImageThenTerm(string? requested, string image, string expected) =>
        Assert.Equal(expected, StopSignals.Choose(requested, image));

    [Theory]
    [InlineData("SIGNONSENSE")]
    [InlineData("0")]
    [InlineData("32")]
    [InlineData("65")]
    [InlineData("-9")]
    [InlineData("SIG")]
    [InlineData("SIGRTMIN+31")]
    [InlineData("SIGRTMIN+-1")]
    [InlineData("SIGRTMIN-1")]
    [InlineData("99999999999")]
    public void Choose_UnknownName_IsRefused(string name)
    {
        TestRootfs.Refused(() => StopSignals.Choose(name, ""), RuntimeErrorCode.InvalidArgument);
        TestRootfs.Refused(() => StopSignals.Choose(null, name), RuntimeErrorCode.InvalidArgument);
    }

    [Theory]
    [InlineData("SIGHUP", 1)]
    [InlineData("SIGKILL", 9)]
    [InlineData("SIGCHLD", 17)]
    [InlineData("SIGSYS", 31)]
    [InlineData("SIGRTMIN", 34)]
    [InlineData("SIGRTMAX", 64)]
    public void NumberOf_Names_AreTheKernels(string name, int number) => Assert.Equal(number, StopSignals.NumberOf(name));

    [Fact]
    public void NameOf_AnyNumber_ComesBack() =>
        Gen.Int[1, 64].Where(static n => n is not (32 or 33)).Sample(static number => Assert.Equal(number, StopSignals.NumberOf(StopSignals.NameOf(number))));
}
