namespace Berth.Tests.Support;

/// <summary>A static busybox, which is all that the tests' root file systems hold.</summary>
public static class Busybox
{
    /// <summary>Where it is: ./test finds or unpacks one and says so.</summary>
    public static string Path { get; } = Environment.GetEnvironmentVariable("BERTH_TEST_BUSYBOX") is { Length: > 0 } path ? path : "/bin/busybox";
}
