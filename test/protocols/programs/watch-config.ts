/** Notes `change <n>` with each further configuration that the pod's sidecar has in force. */
import { note } from './report.ts';

let changes = -1;
let last = '';
for (;;) {
  const text = await (await fetch('http://127.0.0.1:15020/metrics')).text();
  const version = /^remora_config_info\{version="(.*)"\} 1$/m.exec(text)?.[1] ?? last;
  if (version !== last) {
    changes += 1;
    last = version;
    note(`change ${changes}`);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
}
