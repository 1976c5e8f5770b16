namespace Berth.Linux;

/// <summary>Stops and continues all that lives in a cgroup; see cgroup-v1/freezer-subsystem.rst and cgroup-v2.rst of the kernel.</summary>
internal static class CgroupFreezer
{
    public static async Task FreezeAsync(string folder, bool isV2, CancellationToken cancellationToken)
    {
        Write(folder, isV2, freeze: true);
        for (var pause = 1; !IsFrozen(folder, isV2); pause = Math.Min(pause * 2, 50))
        {
            await Task.Delay(pause, cancellationToken).ConfigureAwait(false);
            if (!isV2)
            {
                // A process that was in the middle of a fork keeps it FREEZING until the state is written again.
                Write(folder, isV2, freeze: true);
            }
        }
    }

    public static void Thaw(string folder, bool isV2)
    {
        try
        {
            Write(folder, isV2, freeze: false);
        }
        catch (LinuxException e) when (e.IsNotFound || e.Is(Libc.ENODEV))
        {
            // The cgroup went with its last process.
        }
    }

    private static void Write(string folder, bool isV2, bool freeze)
    {
        if (isV2)
        {
            CgroupFile.Write($"{folder}/cgroup.freeze", freeze ? "1"u8 : "0"u8);
        }
        else
        {
            CgroupFile.Write($"{folder}/freezer.state", freeze ? "FROZEN"u8 : "THAWED"u8);
        }
    }

    private static bool IsFrozen(string folder, bool isV2) => isV2
        ? File.ReadLines($"{folder}/cgroup.events").Contains("frozen 1")
        : File.ReadAllText($"{folder}/freezer.state").Trim() == "FROZEN";
}
