using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Berth.Tests.Hostile;

/// <summary>What a broken or malicious plugin may do.</summary>
internal static partial class Deeds
{
    // Of the plugin's process: the connection to the gateway.
    private const int Connection = 3;

    private static readonly List<object> Kept = [];

    public static void Do(string name)
    {
        switch (name)
        {
            case "throws": throw new InvalidCastException("as a plugin should not");
            case "hangs": Hang(); break;
            case "spins": Spin(); break;
            case "allocates": Allocate(); break;
            case "overflows-the-stack": Kept.Add(Overflow(1)); break;
            case "exits": Environment.Exit(0); break;
            case "throws-apart": new Thread(static () => throw new InvalidCastException("on a thread of its own")).Start(); Hang(); break;
            case "fails-fast": Environment.FailFast("enough"); break;
            case "corrupts-the-connection": Corrupt(); break;
            case "leaks-threads": LeakThreads(int.MaxValue); break;
            case "leaks-some-threads": LeakThreads(100); break;
            case "leaks-descriptors": LeakDescriptors(int.MaxValue); break;
            case "leaks-some-descriptors": LeakDescriptors(1000); break;
            case "crashes-natively": Kept.Add(LengthOf(8)); break;
            case "holds-on": HoldOn(); break;
            case "stays-at-the-end": AppDomain.CurrentDomain.ProcessExit += static (_, _) => Hang(); break;
            default: break;
        }
    }

    [LibraryImport("libnowhere-to-be-found")]
    public static partial void CallNowhere();

    /// <summary>The version of the library that the plugin brings.</summary>
    [LibraryImport("hostile-native", EntryPoint = "hostile_version")]
    public static partial int NativeVersion();

    // At an address where nothing is, in the C library: no exception of .NET's.
    [LibraryImport("libc", EntryPoint = "strlen")]
    private static partial nint LengthOf(nint text);

    private static void HoldOn()
    {
        new Thread(Hang) { IsBackground = true }.Start();
        Kept.Add(new Timer(static _ => Kept.Count.ToString(System.Globalization.CultureInfo.InvariantCulture), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(100)));
    }

    private static void Hang()
    {
        using var never = new ManualResetEventSlim();
        never.Wait();
    }

    private static void Spin()
    {
        for (var i = 0; i < 2 * Environment.ProcessorCount; i++)
        {
            new Thread(static () => { while (true) { } }) { IsBackground = true }.Start();
        }

        Hang();
    }

    private static void Allocate()
    {
        while (true)
        {
            var block = new byte[1 << 20];
            Array.Fill(block, (byte)1);
            Kept.Add(block);
        }
    }

    private static int Overflow(int depth) => Overflow(depth + 1) + depth;

    private static void Corrupt()
    {
        using var stream = new FileStream(new SafeFileHandle(Connection, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        var noise = new byte[64 << 10];
        new Random(1).NextBytes(noise);
        stream.Write(noise);
        Hang();
    }

    private static void LeakThreads(int count)
    {
        for (var i = 0; i < count; i++)
        {
            new Thread(Hang, 64 << 10) { IsBackground = true }.Start();
        }
    }

    private static void LeakDescriptors(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Kept.Add(File.OpenHandle("/dev/null"));
        }
    }
}
