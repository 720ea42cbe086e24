#!/usr/bin/env -S node --max-semi-space-size=32 --initial-old-space-size=96 --heap-growing-percent=20
import { main } from '../daemon/main';
import { thisProcess } from '../daemon/surroundings';

void main(thisProcess()).then((code) => process.exit(code));
