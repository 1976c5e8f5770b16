using Berth.Abstractions;
using Berth.Cri.Mapping;
using CsCheck;
using Google.Protobuf;
using Xunit;
using Protos = Berth.Cri.Protos;

namespace Berth.Tests.Unit.Cri;

/// <summary>What is accepted comes back as it was.</summary>
public sealed class RoundTripTests
{
    [Fact]
    public void Resources_Accepted_ComeBackEqual() =>
        Check<Protos.LinuxContainerResources>(static given => ResourceMapping.ToProto(ResourceMapping.ToDomain(given, "r")));

    [Fact]
    public void NamespaceOptions_Accepted_ComeBackEqual() =>
        Check<Protos.NamespaceOption>(static given => NamespaceMapping.ToProto(NamespaceMapping.ToDomain(given, "n")));

    [Fact]
    public void Signals_All_ComeBackEqual()
    {
        foreach (var signal in Enum.GetValues<Protos.Signal>().Where(static s => s != Protos.Signal.RuntimeDefault))
        {
            var name = SignalMapping.ToDomain(signal, "s")!;
            Assert.StartsWith("SIG", name, StringComparison.Ordinal);
            Assert.Equal(signal, SignalMapping.ToProto(name));
        }
    }

    [Fact]
    public void Signals_RuntimeDefault_IsLeftToTheImage() => Assert.Null(SignalMapping.ToDomain(Protos.Signal.RuntimeDefault, "s"));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(10, 10)]
    [InlineData(long.MaxValue, 24 * 24 * 60 * 60)]
    public void Durations_Seconds_AreBoundedByWhatTimersTake(long seconds, int expected) =>
        Assert.Equal(TimeSpan.FromSeconds(expected), Durations.FromSeconds(seconds, "timeout"));

    [Fact]
    public void Durations_Negative_IsRefused() => Assert.Throws<RuntimeException>(() => Durations.FromSeconds(-1, "timeout"));

    private static void Check<T>(Func<T, T> roundTrip)
        where T : class, IMessage<T>, new() => RandomMessages.Of<T>().Sample(given =>
    {
        try
        {
            return given.Equals(roundTrip(given));
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.InvalidArgument)
        {
            return true;
        }
    });
}
