namespace Berth.Containers.Spec;

/// <summary>
/// The text of the default profile; see apparmor.d(5). A container may do with its own what its capabilities and its seccomp profile let
/// it do, and is kept from the kernel's settings, its memory and its devices' control files, and from mounting. It is signalled by what
/// is not confined (the runtime, its monitor) and by itself.
/// </summary>
internal static class AppArmorProfile
{
    internal const string Text = $$"""
        profile {{AppArmorDefault.Name}} flags=(attach_disconnected,mediate_deleted) {
          file,
          network,
          capability,
          unix,
          dbus,
          umount,

          signal (receive) peer=unconfined,
          signal (send,receive) peer={{AppArmorDefault.Name}},
          ptrace (trace,read,tracedby,readby) peer={{AppArmorDefault.Name}},

          deny mount,
          deny remount,
          deny pivot_root,

          deny /proc/sys/{abi,debug,dev,fs,vm}/** wkl,
          deny /proc/sys/kernel/{core_*,modprobe,modules_disabled,hotplug,poweroff_cmd,printk*,randomize_va_space,kptr_restrict,dmesg_restrict} wkl,
          deny /proc/sys/kernel/{kexec*,panic*,perf_*,sysrq,unprivileged_*,ns_last_pid,tainted,cap_last_cap,ctrl-alt-del} wkl,
          deny /proc/sys/kernel/{keys,usermodehelper,yama,random,firmware_config}/** wkl,
          deny /proc/{sysrq-trigger,kcore,kmem,mem,timer_stats,sched_debug,keys,latency_stats} rwkl,
          deny /proc/acpi/** rwkl,
          deny /proc/scsi/** rwkl,

          deny /sys/{block,bus,class,dev,devices,firmware,hypervisor,module,power}/** wkl,
          deny /sys/kernel/** wkl,
          deny /sys/kernel/{security,debug,tracing}/** rwkl,
          deny /sys/firmware/** rwkl,
          deny /sys/fs/[^c]** wkl,
        }

        """;
}
