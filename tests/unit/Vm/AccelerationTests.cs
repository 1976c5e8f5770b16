using Berth.Abstractions;
using Berth.Plugins.Vm;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Vm;

/// <summary>Who runs the guest's instructions: KVM only where it has booted the guest.</summary>
public sealed class AccelerationTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly KvmOfMachine _machine;
    private readonly string _hypervisor;
    private readonly GuestImage _guest;
    private int _boots;

    public AccelerationTests()
    {
        _machine = new() { Device = Write("kvm", ""), Modules = Path.Combine(_folder.Path, "module"), KernelRelease = "6.1.0" };
        _hypervisor = Write("qemu", "7.2");
        _guest = new(_folder.Path);
        Write("vmlinuz", "kernel");
        Write("initramfs", "agent");
        Write("module/kvm/srcversion", "A1");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Auto_WithoutTheDevice_IsTcgAndBootsNothing()
    {
        File.Delete(_machine.Device);
        Assert.Equal(new("tcg", $"{_machine.Device} does not exist"), await DecideAsync(Boots));
        Assert.Equal(0, _boots);
    }

    [Fact]
    public async Task Auto_WhereKvmBootsTheGuest_IsKvmAndAskedOnce()
    {
        Assert.Equal("kvm", (await DecideAsync(Boots)).Name);
        Assert.Equal(new("kvm", "KVM has booted the guest"), await DecideAsync(Boots));
        Assert.Equal(1, _boots);
    }

    [Fact]
    public async Task Auto_WhereTheHypervisorAborts_IsTcgWithItsReasonAndAskedOnce()
    {
        var first = await DecideAsync(Aborts);
        Assert.Equal("tcg", first.Name);
        Assert.Contains("KVM does not boot the guest: error: failed to set MSR", first.Reason, StringComparison.Ordinal);
        Assert.Equal(first, await DecideAsync(Boots));
        Assert.Equal(1, _boots);
    }

    [Fact]
    public async Task Auto_WhereTheGuestHangs_IsTcgAfterFiveSeconds()
    {
        var deciding = DecideAsync(Hangs);
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(deciding.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        var accelerator = await deciding;
        Assert.Equal("tcg", accelerator.Name);
        Assert.Contains("did not come up within 5 s", accelerator.Reason, StringComparison.Ordinal);
        Assert.Equal(accelerator, await DecideAsync(Boots));
    }

    [Fact]
    public async Task Auto_GivenUpByItsCaller_KeepsNoVerdict()
    {
        using var cancellation = new CancellationTokenSource();
        var deciding = DecideAsync(Hangs, cancellationToken: cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => deciding);
        Assert.Equal("kvm", (await DecideAsync(Boots)).Name);
    }

    [Theory]
    [InlineData("kernel")]
    [InlineData("module/kvm/srcversion")]
    [InlineData("module/kvm_intel/srcversion")]
    [InlineData("qemu")]
    [InlineData("initramfs")]
    public async Task Auto_AfterAChangeOfTheMachine_IsAskedAgain(string changed)
    {
        Assert.Equal("tcg", (await DecideAsync(Aborts)).Name);
        var machine = _machine;
        if (changed == "kernel")
        {
            machine = machine with { KernelRelease = "6.1.1" };
        }
        else
        {
            Write(changed, "another one");
        }

        Assert.Equal("kvm", (await DecideAsync(Boots, machine: machine)).Name);
        Assert.Equal(2, _boots);
    }

    [Fact]
    public async Task Option_IsObeyedWithoutABoot()
    {
        Assert.Equal("tcg", (await DecideAsync(Boots, choice: AccelerationChoice.Tcg)).Name);
        Assert.Equal("kvm", (await DecideAsync(Boots, choice: AccelerationChoice.Kvm)).Name);
        File.Delete(_machine.Device);
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => DecideAsync(Boots, choice: AccelerationChoice.Kvm));
        Assert.Equal(RuntimeErrorCode.Unavailable, failure.Code);
        Assert.Contains($"{_machine.Device} does not exist, and the option 'acceleration' demands it", failure.Message, StringComparison.Ordinal);
        Assert.Equal(0, _boots);
    }

    private static Task Boots(CancellationToken cancellationToken) => Task.CompletedTask;

    private static Task Aborts(CancellationToken cancellationToken) => throw RuntimeException.Unavailable("error: failed to set MSR 0xe1 to 0x0");

    private static Task Hangs(CancellationToken cancellationToken) => Task.Delay(Timeout.Infinite, cancellationToken);

    // Each time another object, as after a restart: what is kept is on disk.
    private async Task<Accelerator> DecideAsync(
        Func<CancellationToken, Task> boot, KvmOfMachine? machine = null, AccelerationChoice choice = AccelerationChoice.Auto, CancellationToken cancellationToken = default)
    {
        using var acceleration = new Acceleration(new() { Acceleration = choice }, _folder.Path, machine ?? _machine, Counted, _time);
        return await acceleration.DecideAsync(_hypervisor, _guest, cancellationToken);

        Task Counted(CancellationToken token)
        {
            _boots++;
            return boot(token);
        }
    }

    private string Write(string name, string content)
    {
        var path = Path.Combine(_folder.Path, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }
}
